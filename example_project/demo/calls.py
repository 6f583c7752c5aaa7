"""The calls of the demo and what should become of each: the one list for page and ``--check``.

A call passes three stations, and its expectation names what happens at each:

``preflight``  the status that the API answers to the preflight; ``None``: the browser sends none
``answer``     the status that the API answers to the request; ``None``: the browser never sends it
``script``     the status that the script reads; ``None``: the browser blocks it

``{name}`` in a path, header or body stands for something remembered: from an earlier answer (see
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
    """Whether the request, as the API received it, had a cookie; ``None``: no matter."""
    readable: tuple[str, ...] = ()
    """Response headers that the script reads."""
    hidden: tuple[str, ...] = ()
    """Response headers that were sent, but that the script does not get to see."""
    body: dict[str, Any] = field(default_factory=dict)
    """Members that the JSON body has, as the script reads it."""

    remember: dict[str, str] = field(default_factory=dict)
    """What later calls need from the answer: name → member of its JSON body."""


@dataclass(frozen=True)
class Group:
    title: str
    about: str
    calls: tuple[Call, ...]


BOOK = {"title": "The Demo's Own Book", "author": "A script", "price": "5.00", "in_stock": 1}

GROUPS = (
    Group(
        "Reading",
        "Simple requests go out at once, as a link or an image would. The answer decides whether "
        "the script may read it.",
        (
            Call(
                id="list",
                title="An allowed origin reads a list",
                why="The answer names the page's origin in Access-Control-Allow-Origin, so the "
                "browser hands it to the script.",
            ),
            Call(
                id="exposed",
                title="A header that is exposed can be read",
                why="Scripts see a handful of safelisted headers and those named in "
                "Access-Control-Expose-Headers. The policy's EXPOSE_HEADERS names X-Total-Count.",
                readable=("X-Total-Count",),
            ),
            Call(
                id="not-exposed",
                title="A header that is not exposed stays hidden",
                why="ETag was sent but is neither safelisted nor exposed, so the script gets "
                "null. Hidden from scripts is not secret: any other client reads it.",
                hidden=("ETag",),
            ),
            Call(
                id="error",
                title="An error can be read as well",
                why="The view raised an exception, and the middleware, standing first, gave the "
                "500 its headers too. Without them the script would see a bare TypeError, and the "
                "front end could only guess.",
                path="/api/broken/",
                answer=500,
                script=500,
            ),
        ),
    ),
    Group(
        "Preflight",
        "A method or header that no plain form could send makes the browser ask first. It "
        "compares the answer with the call, and sends the call only if it fits.",
        (
            Call(
                id="header-allowed",
                title="A custom header passes the preflight",
                why="X-Client-Version is not safelisted, so the browser asks; it is listed in "
                "Access-Control-Allow-Headers, so the call goes ahead.",
                headers={"X-Client-Version": "1.0"},
                preflight=204,
            ),
            Call(
                id="header-refused",
                title="A header that is not listed stops the call",
                why="The origin is allowed, so the preflight is answered, with the full list. "
                "X-Debug is not in it: the browser never sends the call, and its console says why.",
                headers={"X-Debug": "1"},
                preflight=204,
                answer=None,
                script=None,
            ),
            Call(
                id="method-refused",
                title="A method that is not listed stops the call",
                why="PATCH is not in Access-Control-Allow-Methods, so the browser never sends it. "
                "Only GET, HEAD and POST need not be listed.",
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
        "Cookies travel only where the script asks for it, and the answer is readable only where "
        "the policy allows credentials.",
        (
            Call(
                id="token",
                title="The first call with credentials brings a CSRF token",
                why="Access-Control-Allow-Credentials: true stands beside the origin. The token "
                "comes in the body because a script cannot read the cookie of another host.",
                path="/api/session/",
                credentials="include",
                remember={"csrf_token": "csrf_token"},
            ),
            Call(
                id="sign-in",
                title="Signing in",
                why="JSON and X-CSRFToken need a preflight, which never carries a cookie. Then "
                "Django's CSRF check finds the origin in CSRF_TRUSTED_ORIGINS and the token in "
                "the header.",
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
                title="The session cookie is sent along",
                why="With credentials: include the browser sends the cookie. Both origins are one "
                "site (localhost), so SameSite=Lax does not hold it back.",
                path="/api/session/",
                credentials="include",
                cookie=True,
                body={"user": "{username}"},
            ),
            Call(
                id="who-am-i-omitted",
                title="Without credentials, nobody is signed in",
                why="Left to itself, a cross-origin fetch sends no cookie: the same visitor, the "
                "same browser, and the API knows nobody.",
                path="/api/session/",
                cookie=False,
                body={"user": None},
            ),
            Call(
                id="create",
                title="Creating a book: POST",
                why="POST itself is safelisted; JSON and the token's header are what the browser "
                "asks about.",
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
                why="PUT is not safelisted. The preflight's answer lists it, and lists "
                "content-type and x-csrftoken, so the call goes ahead.",
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
        "An origin that the policy does not know",
        "The same page on an origin that is not in ALLOW_ORIGINS, in the same browser, while the "
        "visitor is signed in.",
        (
            Call(
                id="stranger-reads",
                title="A stranger's simple request arrives, its script reads nothing",
                why="No Access-Control-Allow-Origin in the answer: the browser keeps it from the "
                "script. But the view did run. CORS guards the answer and is no access control.",
                origin="stranger",
                script=None,
            ),
            Call(
                id="stranger-session",
                title="The cookie arrives, the answer stays hidden",
                why="The browser sent the visitor's cookie, and the API answered with the "
                "visitor's name and token. Only the missing headers keep them from the stranger's "
                "script.",
                origin="stranger",
                path="/api/session/",
                credentials="include",
                script=None,
                cookie=True,
            ),
            Call(
                id="stranger-forges",
                title="A forged form is stopped by CSRF protection, not by CORS",
                why="A form's POST needs no preflight and carries the cookie: CORS lets it "
                "through to the API. Django's CSRF check does not trust the origin and answers "
                "403.",
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
                title="What is public, a stranger reads too",
                why="The path /api/public/ has a policy of its own, with “*”: any origin may "
                "read, without credentials.",
                origin="stranger",
                path="/api/public/catalogue/",
                cookie=False,
            ),
        ),
    ),
    Group(
        "Views with a policy of their own",
        "A decorator beats the policy of the path, for one view or for one method of it. It holds "
        "on the preflight as well, which never reaches the view.",
        (
            Call(
                id="method-public",
                title="One method is public: a stranger reads the book",
                why="BookDetail.get has @cors_policy('public'). The list of all books has no "
                "decorator, and stays the front end's.",
                origin="stranger",
                path="/api/books/{book}/",
                body={"title": BOOK["title"]},
            ),
            Call(
                id="method-not-public",
                title="Its other methods are not: PUT is refused",
                why="The same address, but the browser asks about PUT. For that the path's policy "
                "decides, which does not know the stranger: 403 and no Access-Control header, and "
                "the PUT is never sent.",
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
                title="A partner may PUT where the view says so",
                why="Stock has @cors_policy('partner', max_age=7200), and the partner's origin is "
                "a row in the admin. Its script sends a token. What a script adds itself is no "
                "credential in the browser's sense: the policy allows none.",
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
                title="… and not to the view beside it",
                why="BookDetail.put has no decorator. The policy of its path does not know the "
                "partner.",
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
                title="@same_origin_only: not even for the allowed page",
                why="The visitor is signed in and may see the report, so the view answers. But "
                "Report has @same_origin_only, whatever the settings say of /api/: the front end's "
                "script learns nothing. Opened on the API's own origin, it can be read.",
                path="/api/report/",
                credentials="include",
                script=None,
                cookie=True,
            ),
        ),
    ),
    Group(
        "The public policy, and the end",
        "“*” is for what nobody has to sign in for.",
        (
            Call(
                id="public-credentials",
                title="“*” is not enough for a call with credentials",
                why="With credentials, the browser wants to see the page's own origin. Offered "
                "“*”, it keeps the answer. Ask for public things without credentials.",
                path="/api/public/catalogue/",
                credentials="include",
                script=None,
                cookie=True,
            ),
            Call(
                id="delete",
                title="Removing the book: DELETE",
                why="Listed in Access-Control-Allow-Methods, like PUT.",
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
                why="Another method than the sign-in, at the same path: the browser asks again.",
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

# While the API runs, somebody allows the stranger in the admin, and thinks better of it. The page
# repeats the first of these calls while its visitor does so; ``--check`` is the somebody itself.
ROW_ADDED = Call(
    id="row-added",
    title="The stranger is allowed in the admin",
    why="Every process of the API looks for changes of the allowlist every five seconds.",
    origin="stranger",
)
ROW_REMOVED = replace(
    ROW_ADDED, id="row-removed", title="Its row is removed from the admin again", script=None
)

CALLS = {
    call.id: call
    for call in (*(call for group in GROUPS for call in group.calls), ROW_ADDED, ROW_REMOVED)
}
