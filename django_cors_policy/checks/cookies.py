"""W008 and W009: session cookies that browsers do not send from an allowed origin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from django_cors_policy import fetch
from django_cors_policy.origins import is_loopback, registrable_domain
from django_cors_policy.policy import Policy

from .messages import warning
from .origins import samples_of
from .policies import all_policies

_FINE = (
    "If the origin and this server are on the same site (same scheme and registrable name), "
    "nothing is wrong: add this server's hosts to ALLOWED_HOSTS, or silence this check."
)


@register(Tags.security, deploy=True)
def check_cookies(**kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    samesite = settings.SESSION_COOKIE_SAMESITE
    # Django accepts any case. Chromium treats a missing attribute (False) as Lax.
    is_kept_back = not samesite or samesite.lower() != "none"
    for place, policy in all_policies():
        origin = _find_cross_site_origin(policy) if policy.allow_credentials else None
        if origin is None:
            continue
        where = place.locate("ALLOW_CREDENTIALS")
        if is_kept_back:
            text = (
                f"Pages on {origin!r} may send credentials, but SESSION_COOKIE_SAMESITE is "
                f"{samesite!r}: browsers do not send the session cookie from another site."
            )
            hint = (
                f"{_FINE} Otherwise set SESSION_COOKIE_SAMESITE = 'None' and SESSION_COOKIE_SECURE "
                "= True. Many browsers block third-party cookies even then."
            )
            messages.append(warning("W008", where, text, hint))
        elif not settings.SESSION_COOKIE_SECURE:
            text = (
                f"Pages on {origin!r} may send credentials, but the session cookie is not Secure: "
                "browsers reject cookies with SameSite=None that are not Secure."
            )
            hint = f"Set SESSION_COOKIE_SECURE = True. {_FINE}"
            messages.append(warning("W009", where, text, hint))
    return messages


def _find_cross_site_origin(policy: Policy) -> str | None:
    """Return an allowed origin on another site than ``ALLOWED_HOSTS``, or None."""
    own = {
        registrable_domain(host.removeprefix("."))
        for host in settings.ALLOWED_HOSTS
        if host != fetch.WILDCARD
    }
    for entry in policy.origins:
        for origin in samples_of(entry):
            if not is_loopback(origin.host) and registrable_domain(origin.host) not in own:
                return str(origin)
    return None
