from __future__ import annotations

import ast
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_cors_policy.exceptions import PolicyError
from django_cors_policy.origins import guess_origin, parse_origin, parser, split_origin

GENERIC = (
    "Write the origin as location.origin shows it in the browser's console: "
    "scheme, host and optional port, such as 'https://app.example.com'."
)
PORT_RANGE = "Write a port in that range, ':*' for any port, or no port for the default."
PORT_NUMBER = "Write a number from 1 to 65535, ':*' for any port, or no port for the default."
LONG_NAME = ".".join(["a" * 63] * 3 + ["b" * 61])  # 253 characters, the most that DNS can hold

ACCEPTED = [
    # as browsers send them
    ("https://app.example.com", "https://app.example.com"),
    ("http://app.example.com", "http://app.example.com"),
    ("https://app.example.com:8443", "https://app.example.com:8443"),
    ("https://app.example.com:1", "https://app.example.com:1"),
    ("https://app.example.com:65535", "https://app.example.com:65535"),
    # the default port of the other scheme is none of this one
    ("http://app.example.com:443", "http://app.example.com:443"),
    ("https://app.example.com:80", "https://app.example.com:80"),
    ("http://localhost", "http://localhost"),
    ("http://localhost:3000", "http://localhost:3000"),
    ("https://my_app.example.com", "https://my_app.example.com"),
    ("https://-a-.example.com", "https://-a-.example.com"),
    ("https://1a.example.com", "https://1a.example.com"),
    (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example"),
    (f"https://{LONG_NAME}", f"https://{LONG_NAME}"),
    (f"https://{LONG_NAME}:65535", f"https://{LONG_NAME}:65535"),
    # addresses, in canonical form
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("https://192.168.0.1", "https://192.168.0.1"),
    ("http://[::1]:8000", "http://[::1]:8000"),
    ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ("https://[::ffff:7f00:1]", "https://[::ffff:7f00:1]"),
    # wildcards
    ("https://*.example.com", "https://*.example.com"),
    ("https://*.a.b.example.com", "https://*.a.b.example.com"),
    ("https://*.example.com:8443", "https://*.example.com:8443"),
    ("https://*.example.com:*", "https://*.example.com:*"),
    ("http://localhost:*", "http://localhost:*"),
    ("http://*.localhost:*", "http://*.localhost:*"),
    ("http://[::1]:*", "http://[::1]:*"),
    ("https://*.com", "https://*.com"),  # no credentials, no risk; with them, the policy judges
    # custom schemes
    ("capacitor://localhost", "capacitor://localhost"),
    ("ionic://localhost", "ionic://localhost"),
    ("tauri://localhost", "tauri://localhost"),
    (
        "chrome-extension://gighmmpiobklfepjocnamgkkbiglidom",
        "chrome-extension://gighmmpiobklfepjocnamgkkbiglidom",
    ),
    (
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
    ),
    # Unicode becomes what browsers send (UTS 46, not transitional)
    ("https://bücher.example", "https://xn--bcher-kva.example"),
    ("https://bÜcher.example", "https://xn--bcher-kva.example"),
    ("https://faß.example", "https://xn--fa-hia.example"),
    ("https://例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
    ("https://пример.рф:8443", "https://xn--e1afmkfd.xn--p1ai:8443"),
    ("https://bücher。example", "https://xn--bcher-kva.example"),  # an ideographic full stop
    ("https://*.bücher.example:*", "https://*.xn--bcher-kva.example:*"),
    ("http://\uff11\uff12\uff17.0.0.1", "http://127.0.0.1"),  # full-width digits
    ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("text", "normal"), ACCEPTED)
def test_accepted(text: str, normal: str) -> None:
    assert str(parse_origin(text)) == normal


# Text, a part of the reason, and the whole hint.
REFUSED = [
    # empty, and what stands for no one site
    ("", "is empty", GENERIC),
    ("  ", "is empty", GENERIC),
    ("*", "is not the origin of a single site", GENERIC),
    # path, query, fragment, userinfo
    (
        "https://app.example.com/",
        "has a path; an origin has none",
        "Write 'https://app.example.com'.",
    ),
    ("https://app.example.com/a/b", "has a path", "Write 'https://app.example.com'."),
    ("https://app.example.com:8443/", "has a path", "Write 'https://app.example.com:8443'."),
    ("https://app.example.com:443/", "has a path", "Write 'https://app.example.com'."),
    ("https://*.example.com/", "has a path", "Write 'https://*.example.com'."),
    ("https://bücher.example/", "has a path", "Write 'https://xn--bcher-kva.example'."),
    ("https://app.example.com?a=b", "has a query", "Write 'https://app.example.com'."),
    ("https://app.example.com/items?page=2", "has a path", "Write 'https://app.example.com'."),
    ("https://app.example.com/apps?x", "has a path", "Write 'https://app.example.com'."),
    ("https://app.example.com#top", "has a fragment", "Write 'https://app.example.com'."),
    ("https://me@app.example.com", "has a user name", "Write 'https://app.example.com'."),
    ("https://me:pw@app.example.com", "has a user name", "Write 'https://app.example.com'."),
    # upper case
    ("https://App.Example.com", "has upper-case letters", "Write 'https://app.example.com'."),
    ("HTTPS://app.example.com", "has upper-case letters", "Write 'https://app.example.com'."),
    ("HTTP://[::FFFF]", "has upper-case letters", "Write 'http://[::ffff]'."),
    # ports
    (
        "https://app.example.com:443",
        "has the default port of https",
        "Write 'https://app.example.com'.",
    ),
    (
        "http://app.example.com:80",
        "has the default port of http",
        "Write 'http://app.example.com'.",
    ),
    (
        "https://*.example.com:443",
        "has the default port of https",
        "Write 'https://*.example.com'.",
    ),
    ("https://app.example.com:0", "has a port outside the range 1 to 65535", PORT_RANGE),
    ("https://app.example.com:000", "has a port outside the range 1 to 65535", PORT_RANGE),
    ("https://app.example.com:65536", "has a port outside the range 1 to 65535", PORT_RANGE),
    (
        "https://app.example.com:" + "9" * 5000,
        "has a port outside the range 1 to 65535",
        PORT_RANGE,
    ),
    ("https://app.example.com:08443", "leading zeros", "Write 'https://app.example.com:8443'."),
    ("https://app.example.com:0443", "leading zeros", "Write 'https://app.example.com'."),
    ("https://app.example.com:", "has a colon but no port", "Write 'https://app.example.com'."),
    ("https://app.example.com:http", "has an invalid port 'http'", PORT_NUMBER),
    ("https://app.example.com:-1", "has an invalid port '-1'", PORT_NUMBER),
    ("https://app.example.com:\uff18443", "has an invalid port '\uff18443'", PORT_NUMBER),
    ("https://app.example.com:80*", "has an invalid port '80*'", PORT_NUMBER),
    ("https://app.example.com:80:81", "has more than one colon", GENERIC),
    # schemes
    ("app.example.com", "has no scheme", "Write 'https://app.example.com'."),
    ("app.example.com:8443", "has no scheme", "Write 'https://app.example.com:8443'."),
    ("app.example.com/path", "has no scheme", "Write 'https://app.example.com'."),
    ("*.example.com", "has no scheme", "Write 'https://*.example.com'."),
    (".example.com", "has no scheme", "Write 'https://*.example.com'."),
    ("//app.example.com", "has no scheme", "Write 'https://app.example.com'."),
    ("https:app.example.com", "has no scheme", "Write 'https://app.example.com'."),
    ("https:/app.example.com", "has no scheme", "Write 'https://app.example.com'."),
    ("localhost:3000", "has no scheme", "Write 'http://localhost:3000'."),
    ("127.0.0.1:8000", "has no scheme", "Write 'http://127.0.0.1:8000'."),
    ("192.168.0.1", "has no scheme", "Write 'https://192.168.0.1'."),
    ("::1", "has no scheme", "Write 'http://[::1]'."),
    ("[::1]:8000", "has no scheme", "Write 'http://[::1]:8000'."),
    ("about:blank", "has no scheme", GENERIC),
    ("https:///app.example.com", "has no host", "Write 'https://app.example.com'."),
    (
        "*://app.example.com",
        "has a wildcard as the scheme",
        "Write one entry for each scheme: 'https://...' and, if needed, 'http://...'.",
    ),
    ("1http://app.example.com", "has an invalid scheme '1http'", GENERIC),
    ("://app.example.com", "has an invalid scheme ''", "Write 'https://app.example.com'."),
    ("x" * 65 + "://app.example.com", "has an invalid scheme", GENERIC),
    ("wss://app.example.com", "has the WebSocket scheme 'wss'", "Write 'https://app.example.com'."),
    ("ws://localhost:3000", "has the WebSocket scheme 'ws'", "Write 'http://localhost:3000'."),
    ("ftp://app.example.com", "no page has such an origin", None),
    ("javascript://app.example.com", "no page has such an origin", None),
    ("any", "has no scheme", "Write '*'."),
    (
        "file:///home/me/page.html",
        "pages opened from files send the origin 'null'",
        "For development, serve the page from http://localhost:8000 and write that origin. "
        "Sandboxed frames of any site send 'null' too.",
    ),
    # several in one string
    (
        "https://a.examplehttps://b.example",
        "contains several origins; a comma is missing between two strings",
        "Write 'https://a.example', 'https://b.example'.",
    ),
    (
        "http://localhost:3000https://b.example",
        "a comma is missing",
        "Write 'http://localhost:3000', 'https://b.example'.",
    ),
    (
        "https://a.example,https://b.example/",
        "contains several origins; a list needs a separate string for each",
        "Write 'https://a.example', 'https://b.example'.",
    ),
    ("https://a.example b.example", "several", "Write 'https://a.example', 'https://b.example'."),
    (
        "https://a.example;https://b.example",
        "several",
        "Write 'https://a.example', 'https://b.example'.",
    ),
    ("https://a.example, null", "several", "Write 'https://a.example', 'null'."),
    ("https://a.example, *", "several", "Write 'https://a.example', '*'."),
    # one, with a rest of the list that it was cut from
    ("https://a.example,", "commas", "Write 'https://a.example'."),
    (" https://a.example", "whitespace", "Write 'https://a.example'."),
    ("https://a.example\n", "whitespace", "Write 'https://a.example'."),
    ("https://a.example\x00", "invisible characters", GENERIC),
    (",", "", GENERIC),
    # "null" has one spelling, and no scheme to be added
    ("NULL", "", "Write 'null'."),
    # hosts
    ("https://", "has no host", GENERIC),
    ("https://:8443", "has no host", GENERIC),
    ("https://a..example", "has an empty label", "Write 'https://a.example'."),
    ("https://.example.com", "has an empty label", "Write 'https://*.example.com'."),
    ("https://app.example.com.", "has an empty label", "Write 'https://app.example.com'."),
    (f"https://{'a' * 64}.example", "has a label of 64 characters; 63 is the limit", GENERIC),
    (f"https://a{LONG_NAME}", "has a host of 254 characters; 253 is the limit", GENERIC),
    ("https://a%2eb.example", "has an invalid label 'a%2eb' in its host", GENERIC),
    ("https://a~b.example", "has an invalid label 'a~b' in its host", GENERIC),
    (
        "https://" + "ü" * 64 + ".example",
        "cannot be converted to ASCII (Label too long)",
        "Write the host as location.origin shows it in the browser's console, "
        "starting with 'xn--'.",
    ),
    # addresses
    (
        "http://127.1",
        "has an IP address that browsers write differently",
        "Write 'http://127.0.0.1'.",
    ),
    ("http://0x7f.0.0.1:8000", "browsers write differently", "Write 'http://127.0.0.1:8000'."),
    ("http://2130706433", "browsers write differently", "Write 'http://127.0.0.1'."),
    ("http://127.0.0.1.", "browsers write differently", "Write 'http://127.0.0.1'."),
    ("http://010.0.0.1", "browsers write differently", "Write 'http://8.0.0.1'."),
    ("https://1.2.3.4.5", "looks like an IP address but is not valid", GENERIC),
    ("https://256.0.0.1", "looks like an IP address but is not valid", GENERIC),
    ("https://app.example.1", "looks like an IP address but is not valid", GENERIC),
    ("http://[0:0:0:0:0:0:0:1]", "browsers write differently", "Write 'http://[::1]'."),
    ("http://[::ffff:127.0.0.1]", "browsers write differently", "Write 'http://[::ffff:7f00:1]'."),
    (
        "http://[2001:db8::0:1]:8000",
        "browsers write differently",
        "Write 'http://[2001:db8::1]:8000'.",
    ),
    ("http://2001:db8::1", "needs brackets", "Write 'http://[2001:db8::1]'."),
    ("http://[fe80::1%eth0]", "has an IPv6 zone", GENERIC),
    ("http://[::1", "has misplaced brackets", GENERIC),
    ("http://[::1]x", "has misplaced brackets", GENERIC),
    ("http://[]", "looks like an IP address but is not valid", GENERIC),
    ("http://[1.2.3.4]", "looks like an IP address but is not valid", GENERIC),
    ("https://me@[::1]:8000", "has a user name", "Write 'https://[::1]:8000'."),
    # wildcards where none can stand
    (
        "https://*",
        "has a wildcard as the whole host",
        "Write a host, as in 'https://*.example.com', or '*' alone for any origin "
        "(without credentials).",
    ),
    ("https://*example.com", "not the whole first label", "Write 'https://*.example.com'."),
    ("https://app-*.example.com", "not the whole first label", "Write 'https://*.example.com'."),
    ("https://app.*.example.com", "not the whole first label", "Write 'https://*.example.com'."),
    ("https://*.*.example.com", "not the whole first label", "Write 'https://*.example.com'."),
    ("https://*.192.168.0.1", "has a wildcard before an IP address", GENERIC),
    ("https://\uff0a.example.com", "cannot be converted to ASCII", None),
    # regular expressions
    (
        r"https://.*\.example\.com",
        "looks like a regular expression, but strings are taken literally",
        r"Write re.compile(r'https://.*\.example\.com'), or a wildcard such as "
        "'https://*.example.com'.",
    ),
    (
        r"^https://app\.example\.com$",
        "looks like a regular expression",
        r"Write re.compile(r'^https://app\.example\.com$'), or a wildcard such as "
        "'https://*.example.com'.",
    ),
    (r"https?://app\.example\.com", "looks like a regular expression", None),
    (r"https://[a-z]+\.example\.com", "looks like a regular expression", None),
    (r"https://(a|b)\.example\.com", "looks like a regular expression", None),
    (
        r"https://(app\.example\.com",
        "looks like a regular expression",
        "Write re.compile(r'...') with a valid pattern, or a wildcard such as "
        "'https://*.example.com'.",
    ),
    (
        r"https://app\.ex'ample\.com",
        "looks like a regular expression",
        r"""Write re.compile(r"https://app\.ex'ample\.com"), or a wildcard such as """
        "'https://*.example.com'.",
    ),
]


@pytest.mark.parametrize(("text", "reason", "hint"), REFUSED)
def test_refused(text: str, reason: str, hint: str | None) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_origin(text)
    error = caught.value
    assert reason in error.reason
    assert hint in (None, error.hint)
    assert (error.value, error.id) == (text, "E005")


def written(hint: str) -> list[str]:
    """The strings that a hint says to write."""
    listed = re.fullmatch(r"Write ('[^']*'(?:, '[^']*')*)\.", hint)
    return list(ast.literal_eval(f"[{listed[1]}]")) if listed else []


def hints(text: str) -> list[str]:
    try:
        parse_origin(text)
    except PolicyError as error:
        return written(error.hint)
    return []


def is_entry(text: str) -> bool:
    return text in ("*", "null") or str(parse_origin(text)) == text


@pytest.mark.parametrize("text", [text for text, _, _ in REFUSED])
def test_hints_can_be_followed(text: str) -> None:
    """What a hint says to write is accepted as it is written there."""
    assert all(is_entry(hint) for hint in hints(text))


# Parts that origins, and what is taken for one, are made of.
PARTS = [
    *(
        "http",
        "https",
        "ws",
        "file",
        "capacitor",
        ":",
        "/",
        "//",
        "://",
        "https://",
        "*",
        "*.",
        ".",
    ),
    *(
        "a",
        "b-c",
        "example",
        "com",
        "localhost",
        "null",
        "xn--",
        "ü",
        "\uff21",
        "。",
        "\u200d",
        "ß",
    ),
    *("127.0.0.1", "0x7f", "1", "[", "]", "[::1]", "::ffff:", "%", "0", "80", "443", "65536"),
    *(
        "@",
        "?",
        "#",
        ",",
        ";",
        " ",
        "\t",
        "\n",
        "\x00",
        "\\",
        "|",
        "(",
        ")",
        "$",
        "+",
        "A",
        "'",
        '"',
    ),
]
origin_like = st.lists(st.sampled_from(PARTS), max_size=9).map("".join) | st.text(max_size=40)


@given(origin_like)
@example(",")
@example("https://a.example|https://b.example")
@example("http://https://a.example")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Nothing else is raised, and what is accepted or hinted at is in normal form at once."""
    try:
        entry = parse_origin(text)
    except PolicyError as error:
        hinted = written(error.hint)
    else:
        hinted = [str(entry)]
        if entry.is_exact:
            assert split_origin(str(entry)) == (entry.scheme, entry.host, entry.port)
    assert all(is_entry(hint) for hint in hinted)


# -- Hostile text ---------------------------------------------------------------------------------

LABELS = ".".join("012345abcdefghijklmnopqrstuvwxyz")  # 32


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"https://{LABELS}", None),
        (f"https://*.{LABELS}:*", None),
        (f"https://6.{LABELS}", "has a host of 33 labels; 32 is the limit"),
        (f"https://*.6.{LABELS}:*", "has a host of 33 labels; 32 is the limit"),
        ("https://" + "a." * 99 + "com:*", "has a host of 100 labels; 32 is the limit"),
        ("https://" + "ü" * 254, "has a host of 254 characters; 253 is the limit"),
        ("https://" + "a" * 8185, "has 8,193 characters; an origin has at most 326"),
        ("https://" + "a" * 8184, "has a host of 8184 characters; 253 is the limit"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_limits(text: str, reason: str | None) -> None:
    if reason is None:
        assert str(parse_origin(text)) == text
    else:
        with pytest.raises(PolicyError) as caught:
            parse_origin(text)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "(" * 5000,
        "https://" + "(" * 390,
        "https://" + "(" * 150 + ")" * 150,
        "https://" + "(?:" * 95 + ")" * 95,
        "https://a{99999999999}",
        "https://(?P<a>a)(?P<a>b)",
        "https://[" + "[" * 300 + "$",
    ],
    ids=lambda text: text[:30],
)
def test_brackets_without_end(text: str) -> None:
    """What ``re.compile`` raises for hostile text is not raised here."""
    with pytest.raises(PolicyError) as caught:
        parse_origin(text)
    assert "looks like a regular expression" in caught.value.reason
    assert len(caught.value.hint) < 1000
    assert guess_origin(text) is None


def test_a_long_regular_expression_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(re, "compile", tried.append)
    for length, count in ((400, 1), (401, 1)):
        text = "https://|".ljust(length, "a")
        with pytest.raises(PolicyError) as caught:
            parse_origin(text)
        assert len(tried) == count
        assert (text in caught.value.hint) == (length == 400)


@pytest.mark.parametrize(
    "text",
    ["https://" + "(" * 200_000, "https://a.b," * 17_000, "ü" * 200_000, "*." * 100_000],
    ids=lambda text: text[:12],
)
def test_a_whole_paste_is_not_read(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Its length is all that is looked at."""

    def fail(*args: object) -> None:
        pytest.fail("the text was read")

    for name in ("_refuse_several", "_check_scheme", "_split_port", "_parse_host"):
        monkeypatch.setattr(parser, name, fail)
    with pytest.raises(PolicyError) as caught:
        parse_origin(text)
    assert caught.value.reason.startswith(f"has {len(text):,} characters")
    assert caught.value.hint == GENERIC
    assert guess_origin(text) is None
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("beginning", ["https://a.example/?next=", "App.Example.com/"])
def test_a_long_url_is_still_understood(beginning: str) -> None:
    assert guess_origin(beginning + "x" * 4000) in ("https://a.example", "https://app.example.com")


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("2001:db8::1:8000", "https://[2001:db8::1]:8000"),
        ("2001:db8::8000", "https://[2001:db8::8000]"),
        ("::1:3000", "http://[::1]:3000"),
        ("::1", "http://[::1]"),
    ],
)
def test_an_address_without_brackets(text: str, guess: str) -> None:
    assert guess_origin(text) == guess


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("https://App.Example.com/page?x=1", "https://app.example.com"),
        ("app.example.com", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.com"),
        ("null", "null"),
        ("*", "*"),
        ("any", "*"),
        ("no origin at all", None),
        ("", None),
    ],
)
def test_guess(text: str, guess: str | None) -> None:
    assert guess_origin(text) == guess


# --- The short path ------------------------------------------------------------------------------

plain_labels = st.from_regex(r"[a-z0-9_-]{1,3}|[a-z0-9_-]{61,65}|xn--[a-z0-9]{1,5}", fullmatch=True)
plain_hosts = st.lists(plain_labels, min_size=1, max_size=130).map(".".join)


@example("https://a.0x1")
@example("https://1.2.3.4")
@example("https://a.1")
@example("https://a..example")
@example("https://.example")
@example("https://example.com.")
@example("https://localhost")
@example("https://app.example.com\n")
@example("https://" + ".".join(["a"] * 31 + ["ab"]))
@example("https://" + ".".join(["a"] * 32 + ["ab"]))
@example("https://" + ".".join(["a" * 63] * 4 + ["ab"]))
@given(plain_hosts.map("https://{}".format) | origin_like)
def test_the_short_path_agrees_with_the_full_parse(text: str) -> None:
    try:
        expected = parser._parse_in_full(text)
    except parser._Objection:
        with pytest.raises(PolicyError):
            parse_origin(text)
    else:
        assert parse_origin(text) == expected
