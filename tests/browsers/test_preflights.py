"""Which requests a browser asks leave for, and which it then makes."""

from __future__ import annotations

import pytest

from tests.browsers.harness import API, CROSS_SITE_APP, fetch_in_page, upload_in_page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("policy", "sent", "withheld"),
    [
        pytest.param(
            {},
            [
                "PUT",
                "PATCH content-type",
                "DELETE authorization",
                "POST content-type",
                "GET x-csrftoken x-requested-with",
            ],
            ["PUT x-token", "PURGE"],
            id="defaults",
        ),
        pytest.param({"ALLOW_METHODS": ["PURGE"]}, ["PURGE"], ["PUT", "DELETE"], id="method"),
        # GET, HEAD and POST are safelisted by the standard: no list takes them away.
        pytest.param(
            {"ALLOW_METHODS": ["PUT"]},
            ["GET content-type", "HEAD content-type", "POST content-type"],
            ["PATCH"],
            id="safelisted-method",
        ),
        # Methods are case-sensitive. A script's "put" leaves the browser as "PUT", but its
        # "patch" as it stands: the standard's oldest trap.
        pytest.param({"ALLOW_METHODS": ["PATCH", "PUT"]}, ["PATCH", "put"], ["patch"], id="case"),
        pytest.param(
            {"ALLOW_HEADERS": ["X-Token"]},
            ["PUT", "PUT x-token", "PUT X-TOKEN"],
            ["PUT authorization", "PUT x-token authorization", "POST content-type"],
            id="header",
        ),
        pytest.param({"ALLOW_HEADERS": []}, ["PUT"], ["GET x-token"], id="no-header"),
        pytest.param(
            {"ALLOW_METHODS": ["*"]},
            ["PUT", "PURGE", "patch"],
            ["PURGE x-token"],
            id="any-method",
        ),
        # The standard leaves Authorization out of its "*", the policy's "*" does not. Chromium and
        # Firefox would let it pass either way; the day that they follow, this still holds.
        pytest.param(
            {"ALLOW_HEADERS": ["*"]},
            ["PUT", "PUT x-token content-type", "GET x-token authorization"],
            ["PURGE x-token"],
            id="any-header",
        ),
    ],
)
@pytest.mark.parametrize("credentials", ["omit", "include"])
def test_judgement(page, server, allow, policy, sent, withheld, credentials):
    """The same with and without credentials, though "*" then goes over the wire differently.

    A request is written as its method and the names of its headers. Where the browser withholds
    it, the server had answered as ever with its full lists, and the browser compared.
    """
    allow(**policy, ALLOW_CREDENTIALS=credentials == "include", MAX_AGE=0)
    outcome = {}
    for request in [*sent, *withheld]:
        method, *headers = request.split()
        server.log.clear()
        answer = fetch_in_page(
            page,
            server.url(),
            method=method,
            headers=dict.fromkeys(headers, "application/json"),
            credentials=credentials,
        )
        outcome[request] = (server.seen, answer.error)

    def as_sent(request):
        return request.split()[0].replace("put", "PUT")

    assert outcome == {
        **{request: (["OPTIONS 204", f"{as_sent(request)} 200"], None) for request in sent},
        **{request: (["OPTIONS 204"], "TypeError") for request in withheld},
    }


def test_request_arrives_whole(page, server, allow):
    allow(ALLOW_HEADERS=["x-token"])
    answer = fetch_in_page(
        page, server.url(), method="PUT", headers={"X-Token": "1"}, body="a new item"
    )
    assert '"received": "a new item"' in answer.body
    preflight, put = server.log
    assert (preflight.requested_method, preflight.requested_headers) == ("PUT", "x-token")
    assert (put.requested_method, put.requested_headers) == (None, None)
    assert preflight.origin == put.origin == server.origin()


def test_refused_origin(page, server, allow):
    allow(ALLOW_ORIGINS=["https://someone.else.example"])
    assert fetch_in_page(page, server.url(), method="PUT").error == "TypeError"
    assert server.seen == ["OPTIONS 403"]


def test_same_origin_needs_no_leave(page, server, allow):
    allow(ALLOW_ORIGINS=[], ALLOW_METHODS=["GET"], ALLOW_HEADERS=[])
    page.goto(server.url("/", host=API))
    assert fetch_in_page(page, server.url(), method="PUT", headers={"X-Token": "1"}).ok
    assert server.seen == ["PUT 200"]


class TestUpload:
    """A listener on an upload's progress could measure the network, so it needs leave as well."""

    @pytest.mark.parametrize("methods", [["POST"], ["PUT"]])
    def test_allowed(self, page, server, allow, methods):
        """Whatever the policy's methods: a listener asks only whether the origin is allowed."""
        allow(ALLOW_METHODS=methods)
        assert upload_in_page(page, server.url(), "a file").ok
        assert server.seen == ["OPTIONS 204", "POST 200"]

    def test_refused(self, page, server, allow):
        allow()
        page.goto(server.url("/", host=CROSS_SITE_APP))
        assert upload_in_page(page, server.url(), "a file").error == "ProgressEvent"
        assert server.seen == ["OPTIONS 403"]


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ({"ALLOW_METHODS": ["GET"]}, "PUT is not allowed by Access-Control-Allow-Methods"),
        ({"ALLOW_HEADERS": []}, "x-token is not allowed by Access-Control-Allow-Headers"),
        ({"ALLOW_ORIGINS": []}, "No 'Access-Control-Allow-Origin' header is present"),
    ],
)
# Firefox gives the reason as well, but not where automation can read it.
@pytest.mark.parametrize("browser", ["chromium"], indirect=True)
def test_console_names_what_is_missing(page, server, allow, policy, named):
    """Why a preflight is answered with the full lists, also where they do not suffice."""
    allow(**policy)
    with page.expect_console_message(lambda message: named in message.text):
        fetch_in_page(page, server.url(), method="PUT", headers={"X-Token": "1"})
