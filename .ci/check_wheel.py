"""Check that the wheel in the given directory holds the package, all of it, and nothing else.

    python .ci/check_wheel.py DIRECTORY [TAG]

A TAG, if one is given, has to be the package's version.
"""

import ast
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "django_cors_policy"


def package_files() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def version() -> str:
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign([ast.Name("__version__")], ast.Constant(str(value))):
                return value
    sys.exit("django_cors_policy/__init__.py assigns no __version__.")


def problems(wheel: ZipFile, release: str) -> list[str]:
    info = f"django_cors_policy-{release}.dist-info/"
    held = {name for name in wheel.namelist() if not name.startswith(info)}
    wanted = package_files() | {"django_cors_policy/py.typed"}
    found = [f"{name} does not belong in it" for name in sorted(held - wanted)]
    found += [f"{name} is missing" for name in sorted(wanted - held)]
    if f"{info}licenses/LICENSE" not in wheel.namelist():
        found.append("the licence is missing")

    metadata = Parser().parsestr(wheel.read(f"{info}METADATA").decode())
    stated = {
        "Name": "django-cors-policy",
        "Version": release,
        "License-Expression": "MIT",
        "Description-Content-Type": "text/x-rst",
        "Requires-Python": ">=3.10",
    }
    found += [
        f"its metadata say {key}: {metadata[key]}, not {value}"
        for key, value in stated.items()
        if metadata[key] != value
    ]
    return found


def main(directory: str, tag: str | None = None) -> None:
    release = version()
    if tag not in (None, release):
        sys.exit(f"The tag {tag!r} is not the version {release!r}. Tag the commit with that.")
    wheels = sorted(Path(directory).glob("*.whl"))
    expected = f"django_cors_policy-{release}-py3-none-any.whl"
    if [path.name for path in wheels] != [expected]:
        sys.exit(f"{directory} should hold {expected} alone; it holds {wheels}.")
    with ZipFile(wheels[0]) as wheel:
        found = problems(wheel, release)
        names = wheel.namelist()
    print(*names, sep="\n")
    if found:
        sys.exit("\n".join(f"{expected}: {problem}." for problem in found))
    print(f"{expected}: {len(names)} files, as they should be.")


if __name__ == "__main__":
    main(*sys.argv[1:])
