"""What browsers call an origin, against what a policy may write for it."""

from __future__ import annotations

import re

import pytest

from tests.browsers.harness import ITEMS, fetch_in_page, open_sandbox

pytestmark = pytest.mark.browser


def readable_from(page, server, hosts):
    """Those of the hosts on which a page may read the API."""
    readable = set()
    for host in hosts:
        page.goto(server.url("/", host))
        if fetch_in_page(page, server.url()).ok:
            readable.add(host)
    assert [request.origin for request in server.log] == [server.origin(host) for host in hosts]
    return readable


def test_wildcard(page, server, allow):
    allow(ALLOW_ORIGINS=["http://*.site.localhost:*"])
    allowed = {"app.site.localhost", "a.b.site.localhost"}
    refused = {"site.localhost", "evilsite.localhost", "app.site.localhost.evil.localhost"}
    assert readable_from(page, server, [*allowed, *refused]) == allowed


def test_pattern(page, server, allow):
    allow(ALLOW_ORIGINS=[re.compile(r"http://(app|admin)\.site\.localhost:[0-9]+")])
    allowed = {"app.site.localhost", "admin.site.localhost"}
    refused = {"appxsite.localhost", "b.site.localhost", "evil.app.site.localhost"}
    assert readable_from(page, server, [*allowed, *refused]) == allowed


def test_pattern_matches_in_full(page, server, allow):
    """One that ends early lets in no origin that merely begins like an allowed one."""
    allow(ALLOW_ORIGINS=[re.compile(r"http://app\.site\.localhost")])
    assert fetch_in_page(page, server.url()).error == "TypeError"


@pytest.mark.parametrize(("port", "allowed"), [("*", True), ("9", False)])
def test_port(page, server, allow, port, allowed):
    allow(ALLOW_ORIGINS=[f"http://app.site.localhost:{port}"])
    assert fetch_in_page(page, server.url()).ok == allowed


def test_unicode_host(page, server, allow):
    """Written as people write it, allowed as browsers send it: UTS 46 has both agree."""
    sent = {
        "münchen.localhost": "xn--mnchen-3ya.localhost",
        "faß.localhost": "xn--fa-hia.localhost",  # the ß stays one, as since IDNA 2008
        "bücher.ελλάς.localhost": "xn--bcher-kva.xn--hxarsa0b.localhost",
        "日本語。localhost": "xn--wgv71a119e.localhost",  # its full stop is a dot as well
    }
    seen = {}
    for written in sent:
        allow(ALLOW_ORIGINS=[server.origin(written)])
        page.goto(server.url("/", written))
        assert fetch_in_page(page, server.url()).ok, written
        seen[written] = server.log[-1].origin
    assert seen == {written: server.origin(host) for written, host in sent.items()}


class TestNull:
    """A sandboxed frame, a local file and some redirected requests all call themselves ``null``."""

    def test_refused_though_its_host_is_allowed(self, page, server, allow):
        allow()
        sandbox = open_sandbox(page)
        assert fetch_in_page(sandbox, server.url()).error == "TypeError"
        assert fetch_in_page(sandbox, server.url(), method="PUT").error == "TypeError"
        assert server.seen == ["GET 200", "OPTIONS 403"]
        assert {request.origin for request in server.log} == {"null"}

    @pytest.mark.parametrize("origin", ["null", "*"])
    def test_allowed_without_credentials(self, page, server, allow, origin):
        allow(ALLOW_ORIGINS=[origin])
        sandbox = open_sandbox(page)
        assert fetch_in_page(sandbox, server.url()).ok
        assert fetch_in_page(sandbox, server.url(), method="PUT").ok
        assert fetch_in_page(sandbox, server.url(), credentials="include").error == "TypeError"
        assert server.seen == ["GET 200", "OPTIONS 204", "PUT 200", "GET 200"]


def app_reads_items(origin, request):
    return origin.startswith("http://app.") and request.path == ITEMS


def test_function(page, server, allow):
    allow(ALLOW_ORIGINS=[], ALLOW_ORIGIN_FUNC=app_reads_items)
    assert fetch_in_page(page, server.url()).ok
    assert fetch_in_page(page, server.url(), method="PUT").ok
    assert fetch_in_page(page, server.url("/api/stream/")).error == "TypeError"
