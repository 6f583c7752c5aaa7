"""Regular expressions are judged by what they match, so these tests are about patterns that people
write, and about origins that attackers register.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cors_policy.origins import backtracking, regex_tree, regexes
from django_cors_policy.origins.pattern import MAX_ORIGIN_LENGTH, split_origin
from django_cors_policy.origins.regexes import (
    insecure_sample,
    is_slow,
    is_slow_on_paths,
    lookalike,
    matches_strangers,
    registrable_by_anyone,
    samples,
    why_untried,
)

APP = r"https://app\.example\.com"


@pytest.mark.parametrize(
    ("pattern", "sample"),
    [
        (APP, "https://app.example.com"),
        (rf"^{APP}$", "https://app.example.com"),
        (rf"\A{APP}\Z", "https://app.example.com"),
        (r"https?://localhost:\d+", "http://localhost:1"),
        (r"https?://localhost(:\d+)?", "https://localhost"),
        (r"https?://localhost(:\d+)?", "https://localhost:1"),
        (r"https://\w+\.example\.com", "https://a.example.com"),
        (r"https://[\w-]+\.example\.com", "https://a.example.com"),
        (r"https://[^.]+\.example\.com", "https://a.example.com"),
        (r"https://[^\W\d]\.example\.com", "https://a.example.com"),
        (r"https://\D\.example\.com", "https://a.example.com"),
        (r"https://\S\.example\.com", "https://a.example.com"),
        (r"https://[^\s/]\.example\.com", "https://a.example.com"),
        (r"https://\W\.example\.com", "https://-.example.com"),
        (r"https://[x-z]\.example\.com", "https://x.example.com"),
        (r"https://[q]\.example\.com", "https://q.example.com"),
        (r"https://[^a]\.example\.com", "https://b.example.com"),
        (r"https://.\.example\.com", "https://a.example.com"),
        (r"https://.{3}\.example\.com", "https://aaa.example.com"),
        (r"https://.+?\.example\.com", "https://a.example.com"),
        (r"https://(?:[a-z0-9-]+\.)*example\.com", "https://example.com"),
        (r"https://(?:[a-z0-9-]+\.)*example\.com", "https://a.example.com"),
        (r"https://(?P<name>app|admin)\.example\.com", "https://admin.example.com"),
        (r"https://(?!evil)\w+\.example\.com", "https://a.example.com"),
        (r"https://.*(?<!evil)\.example\.com", "https://a.example.com"),
        (r"(?i)HTTPS://APP\.EXAMPLE\.COM", "https://app.example.com"),
        (r"(?x) https:// app \. example \. com", "https://app.example.com"),
        (r".*\.example\.com", "https://a.example.com"),
        (r".*", "https://a"),
        (r"https://example\.(com|org|net)", "https://example.net"),
        (r"capacitor://.+", "capacitor://a"),
    ],
)
def test_samples(pattern: str, sample: str) -> None:
    assert sample in [str(origin) for origin in samples(re.compile(pattern))]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "example",
        r"https://app\.example\.com/",  # never matches an origin
        r"https://App\.example\.com",
        r"https://[^\S]\.example\.com",
        r"https://\s\.example\.com",
        r"https://[\s]\.example\.com",
        r"https://a{65}\.example\.com",  # no label is so long
        r"(https)://app\.example\.com(?(1)x|y)",  # nothing that the sampler knows
        r"https://(a|b)\.\1\.example\.com",
    ],
)
def test_no_samples(pattern: str) -> None:
    assert samples(re.compile(pattern)) == ()


@pytest.mark.skipif("sys.version_info < (3, 11)")
@pytest.mark.parametrize("pattern", [r"https://(?>a+)\.example\.com", r"https://a++\.example\.com"])
def test_samples_of_newer_syntax(pattern: str) -> None:
    assert [str(origin) for origin in samples(re.compile(pattern))] == ["https://a.example.com"]


parts = st.sampled_from(
    [
        "https://",
        "http://",
        "a",
        r"\.",
        ".",
        ".*",
        ".+?",
        "[a-z]+",
        r"\w",
        r"[^.]",
        "(a|b)",
        "(?:x)?",
        "example",
        r"\.com",
        r"(:\d+)?",
        "$",
        "^",
        "(?=.)",
        "{2}",
        "[^a]",
        r"\d*",
    ]
)


@given(st.lists(parts, max_size=8).map("".join))
def test_samples_match(text: str) -> None:
    """Whatever the pattern, its samples are origins that it matches, and no judge raises."""
    try:
        pattern = re.compile(text)
    except re.error:
        return
    for origin in samples(pattern):
        assert pattern.fullmatch(str(origin))
        assert split_origin(str(origin)) == (origin.scheme, origin.host, origin.port)
    matches_strangers(pattern)
    registrable_by_anyone(pattern)
    insecure_sample(pattern)
    if found := lookalike(pattern):
        meant, other, _ = found
        assert pattern.fullmatch(meant)
        assert pattern.fullmatch(other)


@pytest.mark.parametrize(
    "pattern",
    [
        r".*",
        r".+",
        r"https://.*",
        r"https?://.+",
        r"http://.*",
        r"https://[^/]+",
        r"https://\S+",
        r"[a-z]+://.*",
        r"https://[\w.-]+",
        r"https://[a-z]+\.[a-z]+",
        # the same with a port
        r"https://.+:8443",
        r"https://.+:\d+",
        r"https?://[\w.-]+:\d{4}",
    ],
)
def test_matches_strangers(pattern: str) -> None:
    assert matches_strangers(re.compile(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        APP,
        r"https?://localhost(:\d+)?",
        r".*\.example\.com",
        r"https://.*\.github\.io",
        r"https://.*\.com",
    ],
)
def test_matches_no_strangers(pattern: str) -> None:
    assert not matches_strangers(re.compile(pattern))


@pytest.mark.parametrize(
    ("pattern", "is_open"),
    [
        (r"https://.*\.com", True),
        (r"https://\w+\.com", True),
        (r"https://[a-z0-9-]+\.github\.io", True),
        (r"https://[a-z0-9-]+[.]github[.]io", True),
        (r"https://.*\.co\.uk(:\d+)?", True),
        (r"https://([a-z]+\.)+vercel\.app", True),
        (r"https://app\.example\.com|https://.*\.org", True),
        (r"https://.*\.(example\.com|net)", True),
        (APP, False),
        (r"https://.*\.example\.com", False),
        (r"https://(.*\.)?example\.co\.uk", False),
        (r"https://shop\.github\.io", False),
        (r"https://(one|two)\.github\.io", False),
        (r"https?://.*\.localhost", False),
        (r"http://127\.0\.0\.\d+", False),
    ],
)
def test_registrable_by_anyone(pattern: str, is_open: bool) -> None:
    """Whether two people could each have registered a name that matches."""
    found = registrable_by_anyone(re.compile(pattern))
    assert (found is not None) == is_open
    assert all(re.fullmatch(pattern, origin) for origin in found or ())


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        (r"https?://app\.example\.com", "http://app.example.com"),
        (r"http://app\.example\.com", "http://app.example.com"),
        (r"http.?://app\.example\.com", "http://app.example.com"),
        (r".*\.example\.com", "http://a.example.com"),
        (r"http.*\.example\.com", "http://a.example.com"),
        (r".*://app\.example\.com", "http://app.example.com"),
        (r"[a-z]+://app\.example\.com", "http://app.example.com"),
        (r"[a-z]{4,5}://app\.example\.com", "http://app.example.com"),
        (r"\w+://app\.example\.com", "http://app.example.com"),
        (r"[^:]+://app\.example\.com", "http://app.example.com"),
        (r"(?:capacitor|h[pt]+)://app\.example\.com", "http://app.example.com"),
        (r"[a-z]+s://app\.example\.com", None),
        (r"https?://10\.0\.0\.1:\d+", "http://10.0.0.1:1"),
        (APP, None),
        (r"https?://localhost:\d+", None),
        (r"http://.*\.localhost", None),
        (r"http://127\.0\.0\.1:\d+", None),
        (r"capacitor://localhost", None),
    ],
)
def test_insecure_sample(pattern: str, origin: str | None) -> None:
    assert insecure_sample(re.compile(pattern)) == origin


@pytest.mark.parametrize(
    ("pattern", "meant", "other", "why"),
    [
        (
            r"https://app.example\.com",
            "https://app.example.com",
            "https://appxexample.com",
            "a dot is not escaped",
        ),
        (
            r"https://app\.example.com",
            "https://app.example.com",
            "https://app.examplexcom",
            "a dot is not escaped",
        ),
        (
            r"https://.*example\.com",
            "https://example.com",
            "https://evilexample.com",
            "other text can come before the name",
        ),
        (
            r"https://app\.example\.com.*",
            "https://app.example.com",
            "https://app.example.com.evil.example",
            "other text can come after the name",
        ),
        (
            r"https://app\.example\.com[a-z.]*",
            "https://app.example.com",
            "https://app.example.com.evil.example",
            "other text can come after the name",
        ),
        (
            r"https://app\.example\.com(evil.example)?",
            "https://app.example.com",
            "https://app.example.comevil.example",
            "other text can come after the name",
        ),
    ],
)
def test_lookalike(pattern: str, meant: str, other: str, why: str) -> None:
    assert lookalike(re.compile(pattern)) == (meant, other, why)


@pytest.mark.parametrize(
    "pattern",
    [
        APP,
        r"https://[\w-]+\.example\.com",
        r"https://.*\.example\.com",  # a dot before the name is a border
        r"https://(.*\.)?example\.com(:\d+)?",
        r"https://example\.(com|org)",
        # same site: nobody else's
        r"https://a.b\.example\.com",
        r"https?://localhost:\d+",
        r"http://127\.0\.0\.1",
        # a name that ends in a number is an address or nothing: no browser sends the neighbours
        r"http://192.168.0.1:8000",
    ],
)
def test_no_lookalike(pattern: str) -> None:
    assert lookalike(re.compile(pattern)) is None


# -- Every branch ---------------------------------------------------------------------------------

NAMES = [f"name{number}" for number in range(40)]


@pytest.mark.parametrize(
    "pattern",
    [
        r"https://(?:{})\.example\.com",
        r"https://(?:(?:{})\.)?example\.com",
        r"https://(?:www|(?:{})-app|cdn)\.example\.com",
        r"https://(?:a\.(?:{})|b)\.example\.com",
        r"(?=http)https?://(?:(?:{})|x)\.example\.com",
        r"https://(?:(?:{}){{1}}\.)+example\.com",
    ],
)
def test_every_branch_is_tried(pattern: str) -> None:
    compiled = re.compile(pattern.format("|".join(NAMES)))
    hosts = " ".join(origin.host for origin in samples(compiled))
    assert [name for name in NAMES if re.search(rf"\b{name}\b", hosts) is None] == []


def test_the_last_of_many_branches_is_judged_like_the_first() -> None:
    fine = [rf"{name}\.example\.com" for name in NAMES]
    public = re.compile(f"https://(?:{'|'.join([*fine, 'x[.][a-z]+[.]io'])})")
    assert registrable_by_anyone(public) is not None
    unescaped = re.compile(f"https://(?:{'|'.join([*fine, 'app.example[.]org'])})")
    assert lookalike(unescaped) == (
        "https://app.example.org",
        "https://appxexample.org",
        "a dot is not escaped",
    )
    insecure = re.compile(f"https://(?:{'|'.join(fine)})|http://x[.]example[.]com")
    assert insecure_sample(insecure) == "http://x.example.com"


def test_too_many_branches_are_not_tried() -> None:
    few, many = (
        re.compile(f"https://(?:{'|'.join(f'name{number}x' for number in range(most))})[.]test")
        for most in (1000, 1001)
    )
    assert len(samples(few)) == 1000
    assert samples(many) == ()
    assert why_untried(many) == "it is too large"


# -- Backtracking ---------------------------------------------------------------------------------

POLYNOMIAL = [
    r"https://.*-.*-.*-.*\.preview\.example\.com",
    r"https://(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?(?:[a-z0-9-]*-)?[a-z0-9-]*\.preview\.example\.com",
    r"https://[\w-]*[\w.-]*[\w.-]*[\w.-]*\.example\.com",
    r"https://.*.*.*.*\.example\.com",
    r"[a-z.:/-]*[a-z.:/-]*[a-z.:/-]*[a-z.:/-]*\.example\.com",
]
EXPONENTIAL = [
    r"https://([a-z]+)*\.example\.com",
    r"https://([a-z-]+\.?)+\.example\.com",
    r"https://(?:[a-z0-9]+-?){20,}\.example\.com",
    r"(?:[a-z0-9]+-?){20,}\.example\.com",
    r"https://(?:a|b|ab)*\.example\.com",
    r"(?i)https://(?:[A-Z]+)+X\.EXAMPLE\.COM",
    r"https://(?:a?){50}a{50}\.example\.com",
    r"https://app\.example\.com|https://(?:x+x+)+y",
    r"(?:[a-z]+)+://app\.example\.com",
    r"https://(?=(?:[a-z]+)+$).*\.example\.com",
]
# Each can be written with less, but costs a stranger's Origin next to nothing.
QUICK = [
    APP,
    r"https?://localhost(:\d+)?",
    r"https://(.*\.)?example\.com(:\d+)?",
    r"https://(?:[a-z0-9-]+\.)*example\.com",
    r"https://[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.example\.com",
    r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+example\.com",
    r"https://[a-z0-9-]+-[a-z0-9-]+-[a-z0-9-]+\.example\.com",
    r"https://shop-[a-z0-9-]+-team\.example\.com",
    r"https://.*foo.*\.example\.com",
    r"https://(?!evil)\w+\.example\.com",
    r"https://(?:.*)*",  # matches all, and so at once
]


@pytest.mark.parametrize("pattern", [*POLYNOMIAL, *EXPONENTIAL])
def test_slow(pattern: str) -> None:
    assert is_slow(re.compile(pattern))


@pytest.mark.parametrize("pattern", QUICK)
def test_not_slow(pattern: str) -> None:
    assert not is_slow(re.compile(pattern))


@pytest.mark.parametrize("pattern", [*POLYNOMIAL, *QUICK])
def test_what_is_slow_for_long_texts_alone_is_tried(pattern: str) -> None:
    assert samples(re.compile(pattern))
    assert why_untried(re.compile(pattern)) is None


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_what_is_slow_for_short_texts_is_not_tried(pattern: str) -> None:
    """All judges come back: one text tried would be the last."""
    compiled = re.compile(pattern)
    assert samples(compiled) == ()
    assert why_untried(compiled) == "it takes too many steps"
    assert not matches_strangers(compiled)
    assert (
        registrable_by_anyone(compiled) is insecure_sample(compiled) is lookalike(compiled) is None
    )


@pytest.mark.parametrize("pattern", [r"https://(?:[a-z.]+)+", r"(?:.+)+", r"(?:\w|[:/.])+"])
def test_slow_patterns_that_match_strangers(pattern: str) -> None:
    assert matches_strangers(re.compile(pattern))


def test_a_slow_text_is_one_that_the_matcher_would_try() -> None:
    """What is warned about can be sent: no label, no host and no scheme is too long for DNS."""
    for pattern in map(re.compile, [*POLYNOMIAL, *EXPONENTIAL]):
        texts = regexes._origin_texts(MAX_ORIGIN_LENGTH)
        automaton = backtracking.Automaton(regex_tree.read(pattern), texts.alphabet, 100)
        found = automaton.costly_text(texts, 500_000)
        assert found is not None
        sendable = [found + ending for ending in texts.endings if split_origin(found + ending)]
        assert sendable


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:(?:(?:a{64}){64}){64}){64}",
        r"https://(?:(?:(?:a{64}){64}){64}){64}\.example\.com",
        r"https://(?:(?:(?:[a-z]{64}){64}){64}){64}",
        r"https://a{4000000000}\.example\.com",
        r"https://(?:(?:a?){90}){90}\.example\.com",
        pytest.param(r"https://(?:(?:(?:a?){90}){90}){90}\.example\.com", marks=pytest.mark.slow),
        r"https://(?:a?){4000000000}\.example\.com",
        r"(?:){4000000000}https://app\.example\.com",
        r"(?:^){4000000000}https://app\.example\.com",
    ],
)
def test_what_multiplies_is_bounded(pattern: str) -> None:
    """Written out, it would fill any memory."""
    compiled = re.compile(pattern)
    assert samples(compiled) == ()
    assert why_untried(compiled)
    assert not matches_strangers(compiled)
    is_slow(compiled)


@pytest.mark.parametrize(
    "pattern",
    [
        # A turn that matches nothing can be taken in several ways, and so can the next.
        r"(?:(?:(?:(?:://)*)*)*){20}x",
        r"https?://(?:(?:(?:[a-z][a-z][a-z.-])?){2,}){20}",
        # Quick for any short text, but the samples are long.
        r"(?:(?:.)*a[a-z]://(?:-)*?(?:(?:app)+){20,}){1,63}\.com",
        r"https://(?:(?:app)+){20,}\.com",
    ],
)
def test_no_sample_is_slow(pattern: str) -> None:
    compiled = re.compile(pattern)
    assert samples(compiled) == ()
    assert not matches_strangers(compiled)


def test_costly_combinations_are_left_out() -> None:
    """What has to be tried is quick, so the pattern is tried, on some texts fewer."""
    pattern = re.compile(POLYNOMIAL[-1])
    automaton = backtracking.Automaton(regex_tree.read(pattern), regexes._ALPHABET, 100)
    made_up = regexes._sendable(regexes._vary(regex_tree.read(pattern), 256).more)
    assert max(map(automaton.count_steps, made_up)) > regexes._SAMPLE_STEPS
    found = list(map(str, samples(pattern)))
    assert max(map(automaton.count_steps, found)) <= regexes._SAMPLE_STEPS


@pytest.mark.slow
def test_what_is_too_large_to_be_judged() -> None:
    """Its characters alone are more than are looked at."""
    pattern = re.compile("|".join(f"{number}-[a-z0-9]" for number in range(4000)))
    assert not is_slow(pattern)
    assert is_slow_on_paths(pattern) is None
    assert why_untried(pattern) == "it is too large"


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [
        (r"/(?:[a-z]+)+/x", True),
        (r"/(?:\w+/?)*$", True),
        (r"/.*/.*/x", True),  # quadratic, and a path can be long
        (r"/.*-.*-.*-x", True),
        (r"/größe/(?:[a-z]+)+/x", True),
        (r"(?:.*/)*x", True),
        (r"/api/", False),
        (r"/v\d+/", False),
        (r"^/api/.*", False),
        (r"/.*/export/", False),
        (r"/.*/.*/", False),  # has matched before it can cost anything
        (r"/(?:[\w-]+/)*export/?$", False),
        (r"/(?!admin).*", False),
        (r"/(a)\1", None),  # nothing is known
        (r"", False),
    ],
)
def test_slow_on_paths(pattern: str, slow: bool | None) -> None:
    assert is_slow_on_paths(re.compile(pattern)) is slow


# A small grammar of what people write, repetitions inside of repetitions included.
atoms = st.sampled_from(["a", "b", "-", r"\.", ".", "[a-z]", r"\w", "[a-z.-]", r"\d", "app", "://"])
repeats = st.sampled_from(["*", "+", "?", "{20}", "{2,}", "{20,}", "{0,30}", "*?"])
grammar = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map("".join)
        | st.lists(inner, min_size=2, max_size=20).map(lambda each: f"(?:{'|'.join(each)})")
        | st.tuples(inner, repeats).map(lambda each: f"(?:{each[0]}){each[1]}")
        | inner.map(lambda each: f"(?!{each})")
    ),
    max_leaves=12,
)


@given(grammar, st.sampled_from(["https://", "", "https?://", "[a-z]+://"]))
def test_no_pattern_hangs(text: str, beginning: str) -> None:
    """Neither the samples nor any judge; and each sample is an origin that matches."""
    pattern = re.compile(rf"{beginning}{text}\.example\.com")
    for origin in samples(pattern):
        assert pattern.fullmatch(str(origin))
        assert split_origin(str(origin)) == (origin.scheme, origin.host, origin.port)
    assert bool(samples(pattern)) == (why_untried(pattern) is None)
    matches_strangers(pattern)
    registrable_by_anyone(pattern)
    insecure_sample(pattern)
    lookalike(pattern)
    is_slow(pattern)
    is_slow_on_paths(re.compile(rf"/{text}/x"))


# -- Without the parser of re ---------------------------------------------------------------------


@pytest.fixture
def _no_parser(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python that has moved what it does not document."""
    for name in ("re._parser", "sre_parse"):
        monkeypatch.setitem(sys.modules, name, None)
    regexes._try.cache_clear()
    yield
    regexes._try.cache_clear()


@pytest.mark.usefixtures("_no_parser")
@pytest.mark.parametrize("pattern", [APP, *POLYNOMIAL, *EXPONENTIAL])
def test_without_a_parser_nothing_is_known(pattern: str) -> None:
    compiled = re.compile(pattern)
    assert samples(compiled) == ()
    assert str(why_untried(compiled)).startswith("the check cannot analyze what it matches")
    assert (
        registrable_by_anyone(compiled) is insecure_sample(compiled) is lookalike(compiled) is None
    )
    assert not matches_strangers(compiled)
    assert not is_slow(compiled)
    assert is_slow_on_paths(compiled) is None


@pytest.mark.usefixtures("_no_parser")
@pytest.mark.parametrize("pattern", [".*", r"https://.*", r"https?://(?:[a-z.]+)+"])
def test_strangers_are_seen_without_a_parser(pattern: str) -> None:
    assert matches_strangers(re.compile(pattern))
