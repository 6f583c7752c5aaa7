"""The counts are checked by hand and against ``re``, which takes these steps."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.origins import backtracking
from django_cors_policy.origins.backtracking import Automaton, BudgetSpentError, Texts
from django_cors_policy.origins.regex_tree import read

ALPHABET = string.ascii_lowercase + "-./"


def automaton(pattern: str, most_repeats: int = 100) -> Automaton:
    return Automaton(read(re.compile(pattern)), ALPHABET, most_repeats)


def texts(longest: int, *, is_prefix: bool = False, periodic_from: int = 1000) -> Texts:
    return Texts(
        alphabet=ALPHABET,
        is_beginning=lambda text: len(text) <= longest,
        endings=("", "-"),
        is_text=lambda text: True,
        is_prefix=is_prefix,
        periodic_from=periodic_from,
    )


def ways(pattern: str, text: str) -> int:
    """In how many ways a text can be matched up to its end."""
    return sum(automaton(pattern)._run(text).ways.values())


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("a*", [1, 1, 1, 1]),
        ("a*a*", [2, 3, 4, 5]),  # where the second begins; or nothing is left for it
        ("(?:a*)*", [1, 2, 4, 8]),  # with each character, twice as many
        ("(?:a|aa)*", [1, 2, 3, 5]),  # Fibonacci's numbers
        ("a?a?a?", [3, 3, 1, 0]),
        ("(?:a?){2}a*", [3, 4, 4, 4]),
        ("a{2,3}", [1, 1, 1, 0]),
        ("b", [0, 0, 0, 0]),
    ],
)
def test_ways(pattern: str, count: list[int]) -> None:
    assert [ways(pattern, "a" * length) for length in range(1, 5)] == count


@pytest.mark.parametrize(
    "pattern",
    ["", "a", "a*", "a+", "(?:a?){3}", "a{0}", "ab?", "a?b?", "(?:a|b)", "(?:a|b?)", "(?=a)", "^"],
)
def test_what_can_match_nothing(pattern: str) -> None:
    matches = re.fullmatch(pattern, "") is not None or pattern == "(?=a)"
    assert bool(automaton("")._build(read(re.compile(pattern))).empty) == matches


@pytest.mark.skipif("sys.version_info < (3, 11)")
@pytest.mark.parametrize(("pattern", "is_empty"), [("(?>a)", False), ("a*+", True)])
def test_what_can_match_nothing_in_newer_syntax(pattern: str, is_empty: bool) -> None:
    assert bool(automaton("")._build(read(re.compile(pattern))).empty) == is_empty


parts = st.sampled_from(["a", "b", ".", "[ab]", r"\.", "-"])
grammar = st.recursive(
    parts,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?"])).map(
            lambda each: f"(?:{each[0]}){each[1]}"
        )
    ),
    max_leaves=6,
)


@given(grammar, st.text("ab.-", max_size=7))
def test_a_way_through_is_a_match(pattern: str, text: str) -> None:
    built = automaton(pattern)
    assert built._is_final(built._run(text)) == (re.fullmatch(pattern, text) is not None)


@given(grammar)
def test_unambiguous_patterns_lead_to_each_place_in_one_way(pattern: str) -> None:
    built = automaton(pattern)
    if not built.is_ambiguous:
        for text in ("aaaaaa", "ababab", "a.a.a.", "aabbaa"):
            assert set(built._run(text).ways.values()) <= {1}


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]+-[a-z]+",
        "(?:[a-z]+-)*x",
        ".*x",
        "(?:.*-)?x",
        "[a-z](?:[a-z-]{0,61}[a-z])?",
        "ab|ac",
        "(?!evil)[a-z]+",
    ],
)
def test_steps_grow_with_the_text(pattern: str) -> None:
    built = automaton(pattern)
    assert built.costly_text(texts(500), 100_000) is None
    assert built.count_steps("a" * 400) <= 5 * built.count_steps("a" * 100)


@pytest.mark.parametrize(
    "pattern",
    [
        # twice as many with each character, or nearly
        "(?:[a-z]+)+x",
        "(?:[a-z]+-?)+x",
        "(?:a|b|ab)*x",
        "(?:a|aa)+x",
        "(?:abc|ab|c)*x",
        "(?:[a-z]*)*x",
        "(?:a?){40}a{40}",
        "(?:[a-z]+-?){20,}x",
        "(?=(?:[a-z]+)+$).*",
        # only in one of many branches, and behind a beginning
        "(?:qa|qb|qc|qd|qe|qf|qg|qh|qi|qj|qk|x(?:y+y+)+z)",
        # a power of the length
        ".*-.*-.*-.*x",
        "(?:[a-z-]*-)?(?:[a-z-]*-)?(?:[a-z-]*-)?[a-z-]*x",
        "[a-z]*[a-z.]*[a-z.]*[a-z.]*x",
        ".*.*.*.*x$",
    ],
)
def test_a_costly_text(pattern: str) -> None:
    built = automaton(pattern)
    found = built.costly_text(texts(250), 1_000_000)
    assert found is not None
    assert built.count_steps(found) > 1_000_000
    assert built._work < backtracking.MOST_WORK


@pytest.mark.skipif("sys.version_info < (3, 11)")
@pytest.mark.parametrize("pattern", ["(?:[a-z]++-?)++x", "(?>[a-z]+-?)+x", "(?>(?:[a-z]+)+)x"])
def test_what_gives_nothing_back_is_quick(pattern: str) -> None:
    assert automaton(pattern.replace("++", "+").replace("?>", "?:")).costly_text(texts(100), 10**6)
    if pattern != "(?>(?:[a-z]+)+)x":  # inside, each turn is one of several
        assert automaton(pattern).costly_text(texts(100), 10**6) is None


def test_a_text_that_matches_costs_nothing() -> None:
    """However many ways there are, the first one is taken."""
    assert automaton("(?:.*)*").costly_text(texts(100), 10**6) is None
    assert automaton("(?:[a-z]*)*").costly_text(texts(100), 10**6) is not None  # "-" at the end
    assert automaton("/.*/.*/").costly_text(texts(3000, is_prefix=True), 10**6) is None
    assert automaton("/.*/.*/x").costly_text(texts(3000, is_prefix=True), 10**6) is not None
    assert automaton("/.*/.*$").costly_text(texts(3000, is_prefix=True), 10**6) is not None


@pytest.mark.parametrize("pattern", ["/.*/.*/x", ".*ab.*abc", ".*abcd.*abcde"])
def test_long_texts_repeat_themselves(pattern: str) -> None:
    found = automaton(pattern).costly_text(texts(4000, is_prefix=True, periodic_from=60), 1_000_000)
    assert found is not None
    assert len(found) > 60


def test_long_texts_end_where_they_have_to() -> None:
    long = texts(200, periodic_from=60)
    assert automaton(".*ab.*abc").costly_text(long, 10**6) is None
    # Here the repetition comes to the end of what the pattern allows.
    assert automaton("[a-z]{0,70}[a-z]{0,70}-").costly_text(long, 10**6) is None
    # And here it matches, and so fails nowhere.
    assert automaton(".*ab.*ab.*").costly_text(long, 3_000) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:(?:a{60}){60}){60}){60}",
        "(?:(?:a?){90}){90}",
        "|".join(
            f"{a}{b}{c}" * 3 for a in "abcdefghij" for b in ALPHABET[:26] for c in "xyzuvwrst"
        ),
    ],
)
def test_the_budget(pattern: str) -> None:
    with pytest.raises(BudgetSpentError):
        automaton(pattern).costly_text(texts(100), 10**6)


@pytest.mark.slow
def test_the_answer_is_the_same_in_every_process() -> None:
    """Python orders sets of characters differently in each: nothing may depend on it."""
    program = (
        "from tests.origins.test_backtracking import *\n"
        "for pattern in ('.*.*.*-a-b', '[a-z]*[a-z.]*[a-z.]*x', '.*foo.*bar.*x', '(?:a|b|ab)*x'):\n"
        "    print(automaton(pattern).costly_text(texts(200), 400_000))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(told) == 1
