"""What the tests of the admin share: a project, rows, and how pages are read."""

from __future__ import annotations

import datetime
import html
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.utils import timezone

from django_cors_policy.allowlist.batches import Plan
from django_cors_policy.allowlist.models import AllowedOrigin, Freshness
from tests.allowlist import urls

MIDDLEWARE = [
    "django_cors_policy.middleware.CorsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
LIST = "/admin/cors_policy_allowlist/allowedorigin/"
ADD = f"{LIST}add/"
ADD_MANY = f"{LIST}add-many/"

POLICIES: dict[str, Any] = {
    "default": {
        "ALLOW_ORIGINS": [
            "https://app.example.com",
            "https://*.corp.example.com",
            re.compile(r"https://team-[a-z]+\.example\.com"),
        ],
        "ALLOW_CREDENTIALS": True,
    },
    "public": {"ALLOW_ORIGINS": ["*"], "PATHS": ["/public/"]},
    "partners": {"PATHS": ["/partners/", re.compile("/x"), "/orders/"]},
    "idle": {},
}


@pytest.fixture(autouse=True)
def project(source: Any, settings: Any) -> None:
    """The admin, and policies of every kind."""
    settings.MIDDLEWARE = MIDDLEWARE
    settings.ROOT_URLCONF = urls.__name__
    settings.CORS_POLICIES = POLICIES
    # The tests log in often, and real hashing takes its time by design.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def user_who_may(*actions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    codenames = [f"{action}_allowedorigin" for action in actions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def in_(**delta: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(**delta)


def add(origin: str = "https://row.example", **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def add_raw(**fields: Any) -> AllowedOrigin:
    """A row that nobody has validated."""
    row = add("https://raw.example")
    fields.setdefault("note", "")
    columns = ", ".join(f"{name} = %s" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {AllowedOrigin._meta.db_table} SET {columns} WHERE id = %s",  # noqa: S608
            [*fields.values(), row.pk],
        )
    return AllowedOrigin.objects.get(pk=row.pk)


def add_one_of_each() -> list[AllowedOrigin]:
    return [
        add("https://live.example", note="lives on"),
        add("https://later.example", expires_at=in_(days=40)),
        add("https://soon.example", expires_at=in_(days=3, minutes=1)),
        add("https://over.example", expires_at=in_(hours=-2)),
        add("https://off.example", is_enabled=False),
        add("https://off-and-over.example", is_enabled=False, expires_at=in_(hours=-2)),
        add("https://open.example", policy="public"),
        add("https://narrow.example", allow_credentials=False),
        add("http://insecure.example", policy="partners"),
        add_raw(policy="defualt", origin="https://lost.example"),
        add_raw(policy="", origin=""),
        add_raw(origin="https://app.example.com/path"),
        add_raw(origin="https://EXAMPLE.com"),
        add_raw(origin="http://127.1"),
        add_raw(origin="https://*.b\u00fccher.example"),
        add_raw(origin="http://intranet.example"),
        add_raw(origin="null"),
        add_raw(origin="*"),
    ]


def origins_on(response: Any) -> set[str]:
    assert response.status_code == 200
    return {row.origin for row in response.context["cl"].result_list}


def told(response: Any) -> list[str]:
    """The messages of this very request, in their order."""
    return [str(message) for message in get_messages(response.wsgi_request)._queued_messages]


def text_of(response: Any) -> str:
    """What a page says, without its tags."""
    assert response.status_code == 200
    body = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(body).replace("\xa0", " ").split())


def log() -> list[tuple[str, int, str]]:
    entries = LogEntry.objects.order_by("object_repr")
    return [(e.object_repr, e.action_flag, e.get_change_message()) for e in entries]


def form_data(**fields: Any) -> dict[str, Any]:
    """What the browser sends; False and None are what it leaves out."""
    data = {
        "policy": "default",
        "origin": "https://row.example",
        "allow_credentials": "on",
        "is_enabled": "on",
        "expires_at_0": "",
        "expires_at_1": "",
        "note": "",
    } | fields
    return {name: value for name, value in data.items() if value not in (False, None)}


def expiry(moment: datetime.datetime) -> dict[str, str]:
    """What the two fields of the form hold: noon of that day, in the time zone of the form.

    No change to or from daylight saving time skips or repeats noon.
    """
    return {"expires_at_0": f"{timezone.localtime(moment):%Y-%m-%d}", "expires_at_1": "12:00:00"}


def cells(response: Any, column: str) -> list[str]:
    found = re.findall(
        rf'<t[dh] class="field-{column}[^"]*">(.*?)</t[dh]>', response.content.decode(), re.DOTALL
    )
    return [html.unescape(re.sub(r"<[^>]*>", " ", cell)) for cell in found]


def token() -> str:
    return Freshness.objects.get().token


PASTE = """\ufeff
# Partners of the spring campaign
https://shop.example\tACME, asked by Sales
https://*.b\u00fccher.example  # all branches
https://app.example.com
https://there.example  the shop
https://checkout.example/cart/#pay
http://globex.example
https://shop.example  again
https://off.example
https://one.example https://two.example
  # nothing
https://a.b\u00fccher.example
"""


def many(origins: str, **fields: Any) -> dict[str, Any]:
    data = form_data(origins=origins, **fields)
    return {name: data[name] for name in data if name not in ("origin", "is_enabled")}


def plan_of(response: Any) -> dict[str, list[tuple[int, str]]]:
    plan: Plan = response.context["plan"]
    return {
        name: [(line.number, line.row.origin) for line in lines]
        for name, lines in vars(plan).items()
        if name not in ("changed", "removed")  # which pages do not do
    }


def hidden_fields(response: Any) -> dict[str, str]:
    inputs = re.findall(r"<input [^>]*type=\"hidden\"[^>]*>", response.content.decode())
    fields = {}
    for tag in inputs:
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        fields[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return fields
