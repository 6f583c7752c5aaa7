"""Add up the JUnit reports of all the pytest runs in a directory, and say so in one line.

    python .ci/report.py DIRECTORY [NAME...]

Exits 1 where a test failed, where a run ran nothing, or where a NAME has left no report.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def main(directory: str, *expected: str) -> int:
    total: Counter[str] = Counter()
    skips: Counter[str] = Counter()
    bad = []
    reports = {path.stem: path for path in sorted(Path(directory).glob("*.xml"))}
    for name, path in reports.items():
        cases = list(ElementTree.parse(path).iter("testcase"))
        counts = Counter(map(outcome, cases))
        print(f"  {name:<18}{counts['passed']:>6} passed{counts['failed']:>5} failed", end="")
        print(f"{counts['skipped']:>5} skipped")
        for case in cases:
            skips.update(f"{name}: {skip.get('message')}" for skip in case.iter("skipped"))
        if counts["failed"] or not counts["passed"]:
            bad.append(name)
        total += counts
    for reason, count in skips.items():
        print(f"  skipped {count} x {reason}")
    for name in expected:
        if name not in reports:
            print(f"  {name} has left no report")
            bad.append(name)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
