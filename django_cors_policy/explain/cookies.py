"""Whether the session cookie travels with a call."""

from __future__ import annotations

from django.conf import settings

from django_cors_policy.browser import Call
from django_cors_policy.middleware_list import CSRF, has_middleware
from django_cors_policy.origins import is_loopback, registrable_domain, split_origin

from .findings import Finding, Fix
from .fixes import call_instead
from .target import Target

# Django asks for no CSRF token with these.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def explain_cookies(call: Call, target: Target, *, may_send: bool) -> tuple[str, Finding | None]:
    """Whether the session cookie travels, in a sentence; and what to change if it does not."""
    if not call.credentials:
        return "No cookies: the script does not ask with credentials.", None
    if not may_send:
        return "No cookies: the request is not sent.", None
    page = split_origin(call.origin)
    if page is None:
        return "No cookies that are SameSite: a page without an origin is of no site.", None
    samesite, is_secure = settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_SECURE
    if target.is_guessed:
        secure = "Secure" if is_secure else "not Secure"
        text = (
            "Cookies: tell the whole URL in place of a path, and they are judged. The session "
            f"cookie is SameSite={samesite}, {secure}."
        )
        return text, None
    if is_secure and target.scheme == "http" and not is_loopback(target.host):
        text = "The session cookie is Secure, and the call goes over http: it stays behind."
        return text, Finding("secure-cookie", text, (call_instead(target.over_https),))
    # https://html.spec.whatwg.org/#same-site: the scheme counts.
    site = (target.scheme, registrable_domain(target.host))
    if site == (page[0], registrable_domain(page[1])):
        return "Cookies travel: the page and this server are one site.", None
    # Django takes any case. Without the attribute (False), Chromium acts as if it were Lax.
    if not samesite or samesite.lower() != "none":
        text = (
            f"The session cookie stays behind: it is SameSite={samesite}, and the page is of "
            "another site."
        )
    elif not is_secure:
        text = "The session cookie stays behind: SameSite=None counts only where it is Secure."
    else:
        return "Cookies travel, but for browsers that block those of third parties.", None
    names = ["SESSION"]
    if has_middleware(CSRF) and call.method.upper() not in SAFE_METHODS:
        names.append("CSRF")
    lines = [
        line
        for name in names
        for line in (f'{name}_COOKIE_SAMESITE = "None"', f"{name}_COOKIE_SECURE = True")
    ]
    return text, Finding("cookies", text, (Fix("settings", tuple(lines)),))
