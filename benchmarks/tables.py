"""Results as tables: for the terminal, and for docs/performance.rst. Measures nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios import SCENARIOS

# What "a middleware that does nothing" is in the targets: the function, or the object of FLOORS.
NO_OP = "object_no_op"
# Counts of the same differ by less.
REPEATABLE = 0.01
MET, MISSED = "yes", "**no**"

FLOORS = {
    "one_lookup": "One lookup in ``request.META``",
    "object_no_op": "A middleware that is an object and does nothing",
    "one_header": "One header set on a response",
    "two_headers": "Two headers set, one of them the origin",
    "empty_response": "``HttpResponse(status=204)``",
}


@dataclass(frozen=True)
class Table:
    """Texts in rows; ``name`` is also the file's in the docs."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def as_rst(self) -> str:
        lines = [".. Made by benchmarks/cost.py; not to be edited.", ""]
        lines += [f".. list-table:: {self.title}", "   :header-rows: 1", ""]
        for row in (self.header, *self.rows):
            for bullet, cell in zip(("   * -", *("     -",) * len(row)), row, strict=False):
                lines.append(f"{bullet} {cell}".rstrip())
        return "\n".join((*lines, ""))

    def as_text(self) -> str:
        rows = [
            [cell.replace("``", "").replace("**", "") for cell in row]
            for row in (self.header, *self.rows)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        return "\n".join(
            (
                f"\n{self.title}",
                *(
                    "  ".join(
                        cell.ljust(width) if place == 0 else cell.rjust(width)
                        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
                    )
                    for row in rows
                ),
            )
        )


class Results:
    """What ``cost.py`` measured, and what follows from it. All figures are of one request."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.about = results["about"]
        self.instructions = results["instructions"]
        self.floors = results["floors"]
        self.times = results["times"]
        self.memory = results["memory"]
        self.servers = results.get("servers", {})

    def count(self, name: str, variant: str) -> float:
        """Instructions, those of the loop and of the answer included."""
        return statistics.median(self.instructions[name][variant])

    def over(self, name: str, variant: str = "ours") -> float:
        """Instructions over no middleware."""
        return self.count(name, variant) - self.count(name, "nothing")

    def fewer(self, name: str) -> float:
        """How many times fewer than django-cors-headers."""
        return self.over(name, "peer") / self.over(name)

    def no_op(self, which: str = NO_OP) -> float:
        """What a middleware that does nothing costs, in instructions: a function or an object."""
        if which == "object_no_op":
            return self.floor(which)
        return statistics.median(
            self.over(name, "no-op")
            for name, counts in self.instructions.items()
            if "no-op" in counts and SCENARIOS[name].mode == "alone"
        )

    def no_ops(self, name: str, which: str = NO_OP) -> float:
        """How many times what a middleware that does nothing costs."""
        return self.over(name) / self.no_op(which)

    def floor(self, name: str) -> float:
        """Instructions of one of Django's building blocks."""
        return statistics.median(self.floors[name]) - statistics.median(self.floors["nothing"])

    def repeatability(self) -> float:
        """The widest difference between counts of the same over no middleware, as a part of it."""
        return max(
            (max(over) - min(over)) / statistics.median(over)
            for name, variants in self.instructions.items()
            if SCENARIOS[name].mode == "alone"
            for over in [
                [
                    count - base
                    for count, base in zip(variants["ours"], variants["nothing"], strict=True)
                ]
            ]
        )


@dataclass(frozen=True)
class Target:
    """A promise of the project, and how to see whether it is kept."""

    what: str
    measure: str
    limit: float
    is_least: bool
    value: Callable[[Results], float]
    unit: str = "×"  # noqa: RUF001 -- the sign is meant

    def row(self, results: Results) -> tuple[str, ...]:
        value = self.value(results)
        met = value >= self.limit if self.is_least else value <= self.limit
        side = "at least" if self.is_least else "at most"
        return (
            self.what,
            self.measure,
            f"{side} {number(self.limit)} {self.unit}",
            f"{number(value)} {self.unit}",
            MET if met else MISSED,
        )


def _targets() -> Iterator[Target]:
    fewer = "times fewer instructions than django-cors-headers"
    no_op = "times a middleware that does nothing"
    for name, least, most in (
        ("no-origin", 18, 9),
        ("allowed", 20, 16),
        ("refused", 25, 10),
        ("preflight", 6.5, 70),
        ("preflight-refused", 7.5, 45),
        ("patterns-10", 22, 17),
        ("origins-1000", 1_000, 16),
    ):
        title = SCENARIOS[name].title
        yield Target(title, fewer, least, True, lambda r, name=name: r.fewer(name))
        yield Target(title, no_op, most, False, lambda r, name=name: r.no_ops(name))
    for kind, words in (("origins", "settings"), ("rows", "the database")):
        yield Target(
            f"1,000,000 origins from {words}",
            "times the same with 3",
            1.05,
            False,
            lambda r, kind=kind: (
                r.over(f"{kind}-1000000") / r.over("allowed" if kind == "origins" else f"{kind}-3")
            ),
        )
    for name, limit in (("refused", 1.15), ("allowed", 1.15), ("no-origin", 1 + REPEATABLE)):
        yield Target(
            SCENARIOS[f"allowlist-{name}"].title,
            "times the same without the app",
            limit,
            False,
            lambda r, name=name: r.over(f"allowlist-{name}") / r.over(name),
        )
    yield Target(
        "A decorated view, actual request",
        "times the same without any decorator",
        1.25,
        False,
        lambda r: r.over("decorated") / r.over("allowed"),
    )
    for mode in ("wsgi", "asgi"):
        for name, limit in (("no-origin", 1.06), ("allowed", 1.11)):
            yield Target(
                f"Django's {mode.upper()} handler, {name.replace('-', ' ')}",
                "times the handler with a middleware that does nothing",
                limit,
                False,
                lambda r, name=f"{mode}-{name}": r.count(name, "ours") / r.count(name, "no-op"),
            )
    yield Target(
        "Memory, 1,000,000 rows",
        "per origin and process",
        150,
        False,
        lambda r: r.memory["rows"],
        "bytes",
    )


TARGETS = tuple(_targets())


def number(value: float) -> str:
    """Three digits, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(quartiles: list[float]) -> str:
    """The median, and the quartiles around it."""
    low, middle, high = quartiles
    return f"{number(middle)} ({number(low)} to {number(high)})"


# -- The tables ----------------------------------------------------------------------------------


def tables(measured: dict[str, Any]) -> Iterator[Table]:
    """All tables that the results have the figures for."""
    results = Results(measured)
    targets = []
    for target in TARGETS:
        try:
            targets.append(target.row(results))
        except KeyError:
            continue  # not measured
    if targets:
        header = ("Request", "Measure", "Target", "Measured", "Met")
        yield Table("targets", "What was promised", header, targets)
    for group, title in (
        ("main", "The middleware alone"),
        ("sizes", "By the number of origins"),
        ("more", "Wildcards and ``*``"),
        ("hostile", "Hostile requests"),
        ("allowlist", "With the allowlist installed"),
        ("decorators", "In a project with decorators"),
        ("async", "In an event loop"),
    ):
        rows = [
            alone_row(results, name) for name in measured_names(results) if group_of(name) == group
        ]
        if rows:
            yield Table(group, title, ALONE, rows)
    rows = [chain_row(results, name) for name in measured_names(results) if is_chain(name)]
    if rows:
        yield Table("chain", "Through Django's handlers", CHAIN, rows)
    rows = [
        (title, number(results.floor(name)), number(results.floor(name) / results.no_op()))
        for name, title in FLOORS.items()
        if name in results.floors
    ]
    if rows:
        header = ("Building block", "Instructions", "Times a no-op (function)")
        yield Table("floors", "What Django's own parts cost", header, rows)
    if results.memory:
        rows = [
            (f"1,000,000 origins from {words}", f"{results.memory[kind]:.0f} bytes")
            for kind, words in (("origins", "settings"), ("rows", "the database"))
        ]
        header = ("Origins", "Memory per origin and process")
        yield Table("memory", "Memory", header, rows)
    if results.servers:
        rows = [
            (
                f"{server}, {case}",
                f"{row['requests per second']['no-op']:,.0f}",
                *(spread(row["ratios"][variant]) for variant in ("nothing", "ours", "peer")),
            )
            for server, cases in results.servers["cases"].items()
            for case, row in cases.items()
        ]
        yield Table("servers", "Requests per second", SERVERS, rows)
    yield Table("about", "The run", ("What", "Which"), list(about_rows(results)))


ALONE = (
    "Request",
    "Instructions over no middleware",
    "django-cors-headers",
    "Times fewer",
    "Times a no-op (function)",
    "Times a no-op (object)",
    "Time, µs",
    "django-cors-headers, µs",
    "Times faster",
)
CHAIN = (
    "Request",
    "Instructions, no-op",
    "Ours / no-op",
    "django-cors-headers / no-op",
    "Time: ours / no-op",
    "Time: django-cors-headers / no-op",
)
SERVERS = ("Server, request", "No-op, requests per second", "None", "Ours", "django-cors-headers")


def measured_names(results: Results) -> list[str]:
    return [
        name
        for name in SCENARIOS
        if name in results.instructions or name in results.times
        if "ours" in (results.instructions.get(name) or results.times[name]["median"])
    ]


def group_of(name: str) -> str:
    return SCENARIOS[name].group


def is_chain(name: str) -> bool:
    return group_of(name) == "chain"


def alone_row(results: Results, name: str) -> tuple[str, ...]:
    counts = results.instructions.get(name, {})
    times = results.times.get(name, {})
    has_no_op = bool(results.floors) and any("no-op" in v for v in results.instructions.values())
    over = times.get("over", {})
    return (
        SCENARIOS[name].title,
        number(results.over(name)) if counts else "",
        number(results.over(name, "peer")) if "peer" in counts else "",
        number(results.fewer(name)) if "peer" in counts else "",
        *(
            number(results.no_ops(name, which)) if counts and has_no_op else ""
            for which in ("no-op", "object_no_op")
        ),
        number(over["ours"] / 1000) if over else "",
        number(over["peer"] / 1000) if "peer" in over else "",
        spread(times["faster"]) if "faster" in times else "",
    )


def chain_row(results: Results, name: str) -> tuple[str, ...]:
    counts = results.instructions.get(name, {})
    ratios = results.times.get(name, {}).get("by no-op", {})
    return (
        SCENARIOS[name].title,
        number(results.count(name, "no-op")) if counts else "",
        *(
            f"{results.count(name, variant) / results.count(name, 'no-op'):.3f}" if counts else ""
            for variant in ("ours", "peer")
        ),
        *(spread(ratios[variant]) if ratios else "" for variant in ("ours", "peer")),
    )


def about_rows(results: Results) -> Iterator[tuple[str, str]]:
    yield from results.about.items()
    if any(SCENARIOS[name].mode == "alone" for name in results.instructions):
        yield "Our counts of the same request differ by", f"{100 * results.repeatability():.2g} %"


def write_docs(measured: Iterable[Table], directory: Path) -> None:
    """Renew these tables of the docs. The others stay as they are."""
    for table in measured:
        directory.joinpath(f"{table.name}.txt").write_text(table.as_rst(), encoding="utf-8")
