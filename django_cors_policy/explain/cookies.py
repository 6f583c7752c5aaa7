"""Whether the browser sends the session cookie with a call."""

from __future__ import annotations

from django_cors_policy.browser import Call
from django_cors_policy.middleware_list import CSRF
from django_cors_policy.origins import is_loopback, registrable_domain, split_origin

from .findings import Finding
from .fixes import call_instead, set_settings
from .project import setting, uses
from .target import Target

# Django requires no CSRF token for these.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def explain_cookies(call: Call, target: Target, *, may_send: bool) -> tuple[str, Finding | None]:
    """Say in a sentence whether the session cookie is sent; if it is not, add a finding."""
    if not call.credentials:
        return "No cookies: the script does not send credentials.", None
    if not may_send:
        return "No cookies: the browser does not send the request.", None
    page = split_origin(call.origin)
    if page is None:
        return "Only cookies with SameSite=None are sent: 'null' counts as another site.", None
    samesite, is_secure = setting("SESSION_COOKIE_SAMESITE"), setting("SESSION_COOKIE_SECURE")
    if target.is_guessed:
        secure = "Secure" if is_secure else "not Secure"
        text = (
            "Unknown: use a whole URL instead of a path to check cookies. The session cookie is "
            f"SameSite={samesite} and {secure}."
        )
        return text, None
    if is_secure and target.scheme == "http" and not is_loopback(target.host):
        text = "The session cookie is not sent: it is Secure, and the call uses http."
        return text, Finding("secure-cookie", text, (call_instead(target.over_https),))
    # https://html.spec.whatwg.org/#same-site: the scheme is part of a site.
    site = (target.scheme, registrable_domain(target.host))
    if site == (page[0], registrable_domain(page[1])):
        return "Cookies are sent: the page and the server are on the same site.", None
    # Django accepts any case. Without the attribute (False), Chromium uses Lax.
    if not samesite or samesite.lower() != "none":
        text = (
            f"The session cookie is not sent: it is SameSite={samesite}, and the page is on "
            "another site."
        )
    elif not is_secure:
        text = "The session cookie is not sent: it is SameSite=None, but not Secure."
    else:
        return "Cookies are sent, except by browsers that block third-party cookies.", None
    names = ["SESSION"]
    if uses(CSRF) and call.method.upper() not in SAFE_METHODS:
        names.append("CSRF")
    values: dict[str, object] = {}
    for name in names:
        values |= {f"{name}_COOKIE_SAMESITE": "None", f"{name}_COOKIE_SECURE": True}
    return text, Finding("cookies", text, (set_settings(values),))
