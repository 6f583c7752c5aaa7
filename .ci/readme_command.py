"""Print the one-line command of README.rst that installs the given dependency group and goes on.

What CI runs is then what a newcomer pastes; the two cannot drift apart.
"""

import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.rst"


def main(group: str) -> None:
    marker = f"--group {group} && "
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if marker in line]
    if len(commands) != 1:
        sys.exit(f"README.rst should hold one line with {marker!r}; it holds {len(commands)}.")
    print(commands[0])


if __name__ == "__main__":
    main(sys.argv[1])
