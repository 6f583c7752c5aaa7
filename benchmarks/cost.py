"""What the middleware costs a request: beside none, one that does nothing, and django-cors-headers.

    python benchmarks/cost.py --json results.json

Needs django-cors-headers, and valgrind for the counts of instructions. Each variant runs in
processes of its own, on settings of its own. Instructions are counted by callgrind and are the same
from run to run; times are taken in rounds that interleave the variants, and told as ratios.

``--docs`` renews the tables of docs/performance.rst and keeps all figures in
benchmarks/results.json. ``--smoke`` is quick, and fails only if counts
of instructions are far from what they should be.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import datetime
import importlib.metadata
import itertools
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from scenarios import BATCH, BYSTANDERS, SCENARIOS, VARIANTS, Scenario
from tables import Results, tables, write_docs

import django_cors_policy

WORKER = HERE / "worker.py"
DOCS = HERE.parent / "docs" / "_performance"
# All figures behind the tables of the docs. Git ignores the file.
RESULTS = HERE / "results.json"
TIMEOUT = 1200
FLOOR = "floor-"


def worker(*before: str, **task: Any) -> list[str]:
    """The command line of a measured process."""
    return [*before, sys.executable, str(WORKER), json.dumps(task)]


def environment() -> dict[str, str]:
    # The order of sets and the collisions of dictionaries follow the seed.
    return {**os.environ, "PYTHONHASHSEED": "0"}


def answers(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def groups(scenarios: list[Scenario]) -> Iterator[tuple[str, list[Scenario]]]:
    """The variants, and the scenarios that one process of each can run."""
    found: dict[tuple[str, str, str], list[Scenario]] = {}
    for scenario in scenarios:
        for variant in scenario.variants:
            # Without either package, all projects are one.
            project = scenario.project if variant in {"ours", "peer"} else ""
            found.setdefault((variant, project, scenario.mode), []).append(scenario)
    for (variant, _, _), together in found.items():
        yield variant, together


def fill_databases(scenarios: list[Scenario], databases: str) -> None:
    """Make the databases that the scenarios read."""
    rows = {scenario.size for scenario in scenarios if scenario.project.startswith("rows-")}
    if any(scenario.project == "allowlist" for scenario in scenarios):
        rows.add(BYSTANDERS)
    for size in sorted(rows):
        subprocess.run(worker(do="fill", databases=databases, rows=size), check=True)


# -- Instructions --------------------------------------------------------------------------------


def count_instructions(
    scenarios: list[Scenario], databases: str
) -> dict[str, dict[str, list[float]]]:
    """Instructions per request: scenario, variant, and three counts of the same."""
    counted: dict[str, dict[str, list[float]]] = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            (variant, pool.submit(count_group, variant, group, databases))
            for variant, group in groups(scenarios)
        ]
        for variant, job in jobs:
            for name, counts in job.result().items():
                counted.setdefault(name, {})[variant] = counts
    return counted


def count_group(variant: str, scenarios: list[Scenario], databases: str) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="callgrind-") as directory:
        done = subprocess.run(
            worker(
                "valgrind",
                "--tool=callgrind",
                "--instr-atstart=no",
                "--dump-before=getppid",
                f"--callgrind-out-file={directory}/%p",
                do="count",
                variant=variant,
                scenarios=[scenario.name for scenario in scenarios],
                databases=databases,
                # Django's building blocks are counted along, where no middleware is.
                floors=variant == "nothing" and scenarios[0].mode == "alone",
            ),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if not line.startswith("==")]
            sys.exit("\n".join((f"{variant}, {scenarios[0].name}:", *said)))
        counted = {}
        for answer in answers(done.stdout):
            # Every other dump is what came before a loop.
            lengths = answer["lengths"]
            totals = [
                dumped(Path(directory, f"{answer['pid']}.{2 * number}"))
                for number in range(1, 1 + len(lengths))
            ]
            counted[answer["name"]] = [
                (totals[at + 1] - totals[at]) / (lengths[at + 1] - lengths[at])
                for at in range(0, len(lengths), 2)
            ]
        return counted


def dumped(path: Path) -> int:
    match = re.search(r"^totals: (\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None, path
    return int(match[1])


# -- Times ---------------------------------------------------------------------------------------


class Timed:
    """A process that times what it is asked to, and waits in between."""

    def __init__(self, variant: str, scenarios: list[Scenario], databases: str) -> None:
        self.variant = variant
        self.process = subprocess.Popen(
            worker(
                do="time",
                variant=variant,
                scenarios=[scenario.name for scenario in scenarios],
                databases=databases,
            ),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"A timed process has ended, with status {self.process.wait()}.")
        return json.loads(line)

    def time(self, scenario: Scenario, length: int) -> float:
        """Nanoseconds per request."""
        assert self.process.stdin is not None
        print(scenario.name, length, file=self.process.stdin, flush=True)
        return self.answer()["nanoseconds"]

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def take_times(
    scenarios: list[Scenario], databases: str, rounds: int, length: int
) -> dict[str, dict[str, list[float]]]:
    """Nanoseconds per request: scenario, variant, round. Each round runs all variants of all."""
    timed: dict[tuple[str, str], Timed] = {}
    processes = []
    for variant, group in groups(scenarios):
        process = Timed(variant, group, databases)
        processes.append(process)
        timed |= {(scenario.name, variant): process for scenario in group}
    for process in processes:
        process.answer()
    times: dict[str, dict[str, list[float]]] = {
        scenario.name: {variant: [] for variant in scenario.variants} for scenario in scenarios
    }
    for turn in range(rounds):
        for scenario in scenarios:
            # Nobody is always the first.
            first = turn % len(scenario.variants)
            for variant in scenario.variants[first:] + scenario.variants[:first]:
                batch = scenario.batch(variant)
                count = length if batch == BATCH else batch
                process = timed[scenario.name, variant]
                times[scenario.name][variant].append(process.time(scenario, count))
    for process in processes:
        process.end()
    return times


def summarise(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians in nanoseconds, and ratios (of each round, with what ran beside it) as quartiles."""
    over = {
        variant: [value - base for value, base in zip(values, times["nothing"], strict=True)]
        for variant, values in times.items()
        if variant != "nothing"
    }
    summary: dict[str, Any] = {
        "median": {variant: round(statistics.median(v), 1) for variant, v in times.items()},
        "over": {variant: round(statistics.median(v), 1) for variant, v in over.items()},
    }
    if "peer" in over:
        summary["faster"] = quartiles(over["peer"], over["ours"])
    if "no-op" in times:
        summary["by no-op"] = {
            variant: quartiles(values, times["no-op"])
            for variant, values in times.items()
            if variant != "no-op"
        }
    return summary


def quartiles(values: list[float], bases: list[float]) -> list[float]:
    ratios = [value / base for value, base in zip(values, bases, strict=True)]
    return [round(ratio, 3) for ratio in statistics.quantiles(ratios, n=4, method="inclusive")]


# -- Memory --------------------------------------------------------------------------------------


def measure_memory(databases: str) -> dict[str, float]:
    """What a process grows by, in bytes, for each origin more."""
    memory = {}
    few, many = 3, 1_000_000
    for kind in ("origins", "rows"):
        few_bytes, many_bytes = (
            answers(
                subprocess.run(
                    worker(
                        do="memory",
                        variant="ours",
                        scenarios=[
                            "allowed" if kind == "origins" and size == few else f"{kind}-{size}"
                        ],
                        databases=databases,
                    ),
                    env=environment(),
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT,
                ).stdout
            )[0]["resident"]
            for size in (few, many)
        )
        memory[kind] = round((many_bytes - few_bytes) / (many - few), 1)
    return memory


# -- The command ---------------------------------------------------------------------------------


def about() -> dict[str, str]:
    """What figures depend on."""
    return {
        "Date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "django-cors-policy": django_cors_policy.__version__,
        "django-cors-headers": importlib.metadata.version("django-cors-headers"),
        "Django": importlib.metadata.version("django"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Processor": f"{processor()}, {os.cpu_count()} cores",
    }


def methods(options: argparse.Namespace) -> dict[str, str]:
    """How the figures were got."""
    found = {}
    if not options.no_callgrind:
        version = subprocess.run(["valgrind", "--version"], check=True, capture_output=True)
        found["Instructions"] = f"counted by callgrind, {version.stdout.decode().strip()}"
    if not options.no_times:
        found["Times"] = f"{options.rounds} rounds, {options.length} requests each"
    return found


def processor() -> str:
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if match := re.search(r"^model name\s*: (.+)$", text, re.MULTILINE):
            return match[1]
    return platform.machine()


def smoke_scenarios() -> list[Scenario]:
    """The cheapest that say something."""
    few = [SCENARIOS[name] for name in SMOKE]
    return [*few, dataclasses.replace(SCENARIOS["origins-10000"], variants=VARIANTS[:3])]


# What instruction counts have to be at least, times fewer than django-cors-headers': half of what
# is promised, so that only a blunder fails, and no new Python.
SMOKE = {
    "no-origin": 9.0,
    "allowed": 10.0,
    "refused": 12.5,
    "preflight": 3.25,
    "preflight-refused": 3.75,
}


def assert_smoke(measured: dict[str, Any]) -> None:
    results = Results(measured)
    for name, least in SMOKE.items():
        assert results.fewer(name) >= least, f"{name}: {results.fewer(name):.2f}, not {least}"
    growth = results.over("origins-10000") / results.over("allowed")
    assert growth <= 1.1, f"10,000 origins cost {growth:.2f} times as much as 3"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted({*SCENARIOS, *(scenario.group for scenario in SCENARIOS.values())}),
        metavar="SCENARIO",
        help="a scenario or a group of them; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--docs", action="store_true", help="renew docs/_performance")
    parser.add_argument("--smoke", action="store_true", help="a small run, which asserts counts")
    parser.add_argument("--no-callgrind", action="store_true", help="count no instructions")
    parser.add_argument("--no-times", action="store_true", help="take no times")
    parser.add_argument("--rounds", type=int, help="how many rounds of times (41)")
    parser.add_argument("--length", type=int, help="how many requests a round (400)")
    options = parser.parse_args()
    if options.docs and (options.only or options.smoke or options.no_callgrind or options.no_times):
        parser.error("--docs takes a full run.")
    if not options.no_callgrind and not shutil.which("callgrind_control"):
        parser.error("valgrind is missing (Debian: apt install valgrind); or add --no-callgrind.")
    options.rounds = options.rounds or (5 if options.smoke else 41)
    options.length = options.length or (100 if options.smoke else 400)
    if options.smoke:
        scenarios = smoke_scenarios()
    else:
        only = options.only or SCENARIOS
        scenarios = [s for s in SCENARIOS.values() if s.name in only or s.group in only]
    measured = measure(scenarios, options)
    made = list(tables(measured))
    for table in made:
        print(table.as_text())
    if options.docs:
        write_docs(made, DOCS)
    if results := options.json or (RESULTS if options.docs else None):
        results.write_text(f"{json.dumps(measured, indent=1)}\n", encoding="utf-8")
    if options.smoke and not options.no_callgrind:
        assert_smoke(measured)


def measure(scenarios: list[Scenario], options: argparse.Namespace) -> dict[str, Any]:
    counted: dict[str, dict[str, list[float]]] = {}
    times: dict[str, Any] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="databases-") as databases:
        fill_databases(scenarios, databases)
        if not options.no_callgrind:
            counted = count_instructions(scenarios, databases)
        if not options.no_times:
            # One group after the other: all processes of one are there at the same time.
            for _, together in itertools.groupby(scenarios, key=lambda scenario: scenario.group):
                taken = take_times(list(together), databases, options.rounds, options.length)
                times |= {name: summarise(found) for name, found in taken.items()}
        if {"origins-1000000", "rows-1000000"} <= {scenario.name for scenario in scenarios}:
            memory = measure_memory(databases)
    return {
        "about": {**about(), **methods(options)},
        "instructions": {
            name: found for name, found in counted.items() if not name.startswith(FLOOR)
        },
        "floors": {
            name.removeprefix(FLOOR): found["nothing"]
            for name, found in counted.items()
            if name.startswith(FLOOR)
        },
        "times": times,
        "memory": memory,
    }


if __name__ == "__main__":
    main()
