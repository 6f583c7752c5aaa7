"""The calls of the demo with their expected results, for the page and for ``--check``.

A call has three stages, each with an expected result:

``preflight``  the status of the API's preflight response; ``None``: the browser sends no preflight
``answer``     the status of the API's response; ``None``: the browser does not send the request
``script``     the status that the script reads; ``None``: the browser blocks the response

``{name}`` in a path, header or body is replaced by a value from an earlier response (see
``remember``) or from ``/demo.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Call:
    id: str
    title: str
    why: str

    origin: Literal["page", "partner", "stranger"] = "page"
    method: str = "GET"
    path: str = "/api/books/"
    headers: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    credentials: Literal["omit", "include"] = "omit"

    preflight: int | None = None
    answer: int | None = 200
    script: int | None = 200

    cookie: bool | None = None
    """Whether the API received a cookie with the request; ``None``: not checked."""
    readable: tuple[str, ...] = ()
    """Response headers that the script reads."""
    hidden: tuple[str, ...] = ()
    """Response headers that the API sends but the script cannot read."""
    body: dict[str, Any] = field(default_factory=dict)
    """Values in the JSON body that the script reads."""

    remember: dict[str, str] = field(default_factory=dict)
    """Values for later calls: name → key in the JSON body."""


@dataclass(frozen=True)
class Group:
    title: str
    about: str
    calls: tuple[Call, ...]


BOOK = {"title": "The Demo's Own Book", "author": "A script", "price": "5.00", "in_stock": 1}

GROUPS = (
    Group(
        "Reading",
        "The browser sends simple requests at once, as it does for a link or an image. The "
        "response headers decide whether the script may read the response.",
        (
            Call(
                id="list",
                title="An allowed origin reads a list",
                why="The response names the page's origin in Access-Control-Allow-Origin, so the "
                "browser lets the script read it.",
            ),
            Call(
                id="exposed",
                title="The script can read an exposed header",
                why="Scripts can read a few safelisted headers and those in "
                "Access-Control-Expose-Headers. The policy's EXPOSE_HEADERS lists X-Total-Count.",
                readable=("X-Total-Count",),
            ),
            Call(
                id="not-exposed",
                title="The script cannot read other headers",
                why="The API sends ETag, but it is neither safelisted nor exposed, so the script "
                "gets null. The header is not secret: clients other than browsers can read it.",
                hidden=("ETag",),
            ),
            Call(
                id="error",
                title="The script can read an error",
                why="The view raises an exception. The middleware comes first in MIDDLEWARE, so it "
                "adds CORS headers to the 500 response too. Without them, the script gets a "
                "TypeError without a reason.",
                path="/api/broken/",
                answer=500,
                script=500,
            ),
        ),
    ),
    Group(
        "Preflight",
        "If the method or a header is not safelisted, the browser sends a preflight first. It "
        "sends the request only if the preflight response allows it.",
        (
            Call(
                id="header-allowed",
                title="A custom header passes the preflight",
                why="X-Client-Version is not safelisted, so the browser sends a preflight. "
                "Access-Control-Allow-Headers lists the header, so the browser sends the request.",
                headers={"X-Client-Version": "1.0"},
                preflight=204,
            ),
            Call(
                id="header-refused",
                title="A header that is not listed stops the call",
                why="The origin is allowed, so the preflight response lists the allowed headers. "
                "X-Debug is not one of them. The browser does not send the request, and its "
                "console shows the reason.",
                headers={"X-Debug": "1"},
                preflight=204,
                answer=None,
                script=None,
            ),
            Call(
                id="method-refused",
                title="A method that is not listed stops the call",
                why="PATCH is not in Access-Control-Allow-Methods, so the browser does not send "
                "the request. Only GET, HEAD and POST do not have to be listed.",
                method="PATCH",
                path="/api/books/1/",
                preflight=204,
                answer=None,
                script=None,
            ),
        ),
    ),
    Group(
        "Credentials",
        "The browser sends cookies only if the script asks for it. The script can then read the "
        "response only if the policy allows credentials.",
        (
            Call(
                id="token",
                title="The first call with credentials gets a CSRF token",
                why="The response has the origin and Access-Control-Allow-Credentials: true. The "
                "token is in the body, because a script cannot read cookies of another host.",
                path="/api/session/",
                credentials="include",
                remember={"csrf_token": "csrf_token"},
            ),
            Call(
                id="sign-in",
                title="Signing in",
                why="JSON and X-CSRFToken need a preflight, which never has a cookie. Django's "
                "CSRF check then finds the origin in CSRF_TRUSTED_ORIGINS and the token in the "
                "header.",
                method="POST",
                path="/api/session/",
                headers={"X-CSRFToken": "{csrf_token}"},
                json={"username": "{username}", "password": "{password}"},
                credentials="include",
                preflight=204,
                cookie=True,
                body={"user": "{username}"},
                remember={"csrf_token": "csrf_token"},
            ),
            Call(
                id="who-am-i",
                title="The browser sends the session cookie",
                why="With credentials: include, the browser sends the cookie. Both origins are on "
                "the same site (localhost), so SameSite=Lax does not block it.",
                path="/api/session/",
                credentials="include",
                cookie=True,
                body={"user": "{username}"},
            ),
            Call(
                id="who-am-i-omitted",
                title="Without credentials, the API sees an anonymous user",
                why="By default, a cross-origin fetch sends no cookie. The visitor is signed in, "
                "but the API cannot know it.",
                path="/api/session/",
                cookie=False,
                body={"user": None},
            ),
            Call(
                id="create",
                title="Creating a book: POST",
                why="POST is safelisted, but JSON and X-CSRFToken are not, so the browser sends a "
                "preflight.",
                method="POST",
                headers={"X-CSRFToken": "{csrf_token}"},
                json=BOOK,
                credentials="include",
                preflight=204,
                answer=201,
                script=201,
                cookie=True,
                body={"title": BOOK["title"]},
                remember={"book": "id"},
            ),
            Call(
                id="change",
                title="Changing it: PUT",
                why="PUT is not safelisted. The preflight response lists it, and also content-type "
                "and x-csrftoken, so the browser sends the request.",
                method="PUT",
                path="/api/books/{book}/",
                headers={"X-CSRFToken": "{csrf_token}"},
                json={**BOOK, "price": "4.50"},
                credentials="include",
                preflight=204,
                cookie=True,
                body={"price": "4.50"},
            ),
        ),
    ),
    Group(
        "An origin that the policy does not allow",
        "The same page on an origin that is not in ALLOW_ORIGINS. The browser is the same, and the "
        "visitor is signed in.",
        (
            Call(
                id="stranger-reads",
                title="The API gets the stranger's request; the script gets no response",
                why="The response has no Access-Control-Allow-Origin, so the script cannot read "
                "it. But the view did run: CORS protects the response and does not replace access "
                "control.",
                origin="stranger",
                script=None,
            ),
            Call(
                id="stranger-session",
                title="The API gets the cookie; the script gets no response",
                why="The browser sends the visitor's cookie, and the response has the visitor's "
                "name and token. Only the missing CORS headers stop the stranger's script "
                "from reading them.",
                origin="stranger",
                path="/api/session/",
                credentials="include",
                script=None,
                cookie=True,
            ),
            Call(
                id="stranger-forges",
                title="CSRF protection, not CORS, stops a forged form",
                why="The POST of a form needs no preflight and has the cookie, so CORS does not "
                "stop it. Django's CSRF check does not trust the origin and returns 403.",
                origin="stranger",
                method="POST",
                form={"title": "Forged", "author": "A stranger", "price": "0.00", "in_stock": "1"},
                credentials="include",
                answer=403,
                script=None,
                cookie=True,
            ),
            Call(
                id="stranger-public",
                title="The stranger can read public data",
                why="The path /api/public/ has its own policy, with “*”: any origin may read, "
                "without credentials.",
                origin="stranger",
                path="/api/public/catalogue/",
                cookie=False,
            ),
        ),
    ),
    Group(
        "Views with a policy of their own",
        "A decorator overrides the policy of the path, for a view or for one method of a view. It "
        "also applies to the preflight, which never reaches the view.",
        (
            Call(
                id="method-public",
                title="One method is public: the stranger can read the book",
                why="BookDetail.get has @cors_policy('public'). The list of all books has no "
                "decorator, so only the front end can read it.",
                origin="stranger",
                path="/api/books/{book}/",
                body={"title": BOOK["title"]},
            ),
            Call(
                id="method-not-public",
                title="The other methods are not public: PUT is refused",
                why="The URL is the same, but the preflight asks for PUT. The policy of the path "
                "applies, and it does not allow the stranger. The preflight response is 403 "
                "without CORS headers, so the browser does not send the PUT.",
                origin="stranger",
                method="PUT",
                path="/api/books/{book}/",
                json={**BOOK, "price": "0.00"},
                credentials="include",
                preflight=403,
                answer=None,
                script=None,
            ),
            Call(
                id="partner-view",
                title="A partner may use PUT on a decorated view",
                why="Stock has @cors_policy('partner', max_age=7200), and a row in the admin "
                "allows the partner's origin. The script sends a token in a header that it sets "
                "itself. In CORS, this does not count as credentials, so the policy does not "
                "have to allow them.",
                origin="partner",
                method="PUT",
                path="/api/books/{book}/stock/",
                headers={"Authorization": "Bearer {partner_token}"},
                json={"in_stock": 7},
                preflight=204,
                cookie=False,
                body={"in_stock": 7},
            ),
            Call(
                id="partner-neighbour",
                title="The partner may not use PUT on another view",
                why="BookDetail.put has no decorator, and the policy of its path does not allow "
                "the partner.",
                origin="partner",
                method="PUT",
                path="/api/books/{book}/",
                json={**BOOK, "in_stock": 7},
                preflight=403,
                answer=None,
                script=None,
            ),
            Call(
                id="same-origin-only",
                title="@same_origin_only refuses even the allowed page",
                why="The visitor is signed in and may see the report, so the view returns it. But "
                "@same_origin_only on Report overrides the settings for /api/, so the front end's "
                "script cannot read it. Only pages on the API's own origin can.",
                path="/api/report/",
                credentials="include",
                script=None,
                cookie=True,
            ),
        ),
    ),
    Group(
        "The public policy, and the end",
        "Use “*” only for data that needs no sign-in.",
        (
            Call(
                id="public-credentials",
                title="“*” does not allow a call with credentials",
                why="With credentials, the response must name the page's own origin. It has “*”, "
                "so the browser blocks it. Fetch public data without credentials.",
                path="/api/public/catalogue/",
                credentials="include",
                script=None,
                cookie=True,
            ),
            Call(
                id="delete",
                title="Removing the book: DELETE",
                why="Access-Control-Allow-Methods lists DELETE, as it lists PUT.",
                method="DELETE",
                path="/api/books/{book}/",
                headers={"X-CSRFToken": "{csrf_token}"},
                credentials="include",
                preflight=204,
                answer=204,
                script=204,
                cookie=True,
            ),
            Call(
                id="sign-out",
                title="Signing out",
                why="The path is the same as for signing in, but the method is not, so the browser "
                "sends another preflight.",
                method="DELETE",
                path="/api/session/",
                headers={"X-CSRFToken": "{csrf_token}"},
                credentials="include",
                preflight=204,
                cookie=True,
                body={"user": None},
            ),
        ),
    ),
)

# While the API runs, the visitor adds a row for the stranger in the admin and deletes it again. The
# page repeats the first of these calls to show the effect; ``--check`` changes the row itself.
ROW_ADDED = Call(
    id="row-added",
    title="The stranger is allowed in the admin",
    why="Every process of the API checks for changes of the allowlist every five seconds.",
    origin="stranger",
)
ROW_REMOVED = replace(ROW_ADDED, id="row-removed", title="The row is removed again", script=None)

CALLS = {
    call.id: call
    for call in (*(call for group in GROUPS for call in group.calls), ROW_ADDED, ROW_REMOVED)
}
