"""System checks: everything that is wrong with the configuration, and what probably is.

Errors come from compiling policies (``E001`` to ``E017``) and from decorators (``E019``, ``E020``);
what stands here finds the mistakes around them. Every id is documented in ``docs/checks.rst`` and
never reused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from . import fetch, sources
from .conf import DEFAULT_ALIAS, SETTING, PolicyBook, policy_book
from .decorators import DecoratorPlace, Mark, all_marks
from .exceptions import PolicyError, PolicyErrors, short_repr
from .inspection import Bypass, Route
from .middleware import CorsPolicyMiddleware
from .origins import Entry, OriginPattern, is_loopback, regexes, registrable_domain
from .policy import Place, Policy
from .resolution import declarations, derive_policy, inspected_routes, rule_view

MIDDLEWARE = f"{CorsPolicyMiddleware.__module__}.{CorsPolicyMiddleware.__qualname__}"
COMMON_MIDDLEWARE = "django.middleware.common.CommonMiddleware"
CSRF_MIDDLEWARE = "django.middleware.csrf.CsrfViewMiddleware"
LOCALE_MIDDLEWARE = "django.middleware.locale.LocaleMiddleware"
CORSHEADERS_MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"

# Middleware that can answer before the view does, and how.
ANSWERING_MIDDLEWARE = {
    "django.contrib.auth.middleware.LoginRequiredMiddleware": "it redirects to the login page",
    "django.contrib.sessions.middleware.SessionMiddleware": "it can refuse a request (400)",
    COMMON_MIDDLEWARE: "it redirects (APPEND_SLASH)",
    CSRF_MIDDLEWARE: "it refuses requests (403)",
    "django.middleware.http.ConditionalGetMiddleware": "it answers 304",
    LOCALE_MIDDLEWARE: "it redirects to a language",
    "whitenoise.middleware.WhiteNoiseMiddleware": "it serves files",
}
# Middleware that caches answers, and what is wrong with those. CacheMiddleware is both, and what it
# keeps matters more.
CACHING_MIDDLEWARE = {
    "django.middleware.cache.UpdateCacheMiddleware": (
        "keeps answers, with their CORS headers, as long as the cache does. An origin that is no "
        "longer allowed can still read them."
    ),
    "django.middleware.cache.FetchFromCacheMiddleware": (
        "answers from the cache. Browsers then see the CORS headers that were stored, or none."
    ),
}
SECURITY_MIDDLEWARE = "django.middleware.security.SecurityMiddleware"

# django-cors-headers' settings -> where their meaning lives here.
LEFTOVERS = {
    "CORS_ALLOWED_ORIGINS": "ALLOW_ORIGINS",
    "CORS_ALLOWED_ORIGIN_REGEXES": "ALLOW_ORIGINS, as re.compile(...)",
    "CORS_ALLOW_ALL_ORIGINS": "ALLOW_ORIGINS: ['*']",
    "CORS_ALLOW_CREDENTIALS": "ALLOW_CREDENTIALS",
    "CORS_ALLOW_HEADERS": "ALLOW_HEADERS",
    "CORS_ALLOW_METHODS": "ALLOW_METHODS",
    "CORS_ALLOW_PRIVATE_NETWORK": "ALLOW_PRIVATE_NETWORK",
    "CORS_EXPOSE_HEADERS": "EXPOSE_HEADERS",
    "CORS_ORIGIN_ALLOW_ALL": "ALLOW_ORIGINS: ['*']",
    "CORS_ORIGIN_REGEX_WHITELIST": "ALLOW_ORIGINS, as re.compile(...)",
    "CORS_ORIGIN_WHITELIST": "ALLOW_ORIGINS",
    "CORS_PREFLIGHT_MAX_AGE": "MAX_AGE",
    "CORS_REPLACE_HTTPS_REFERER": "nothing: Django's CSRF_TRUSTED_ORIGINS does it",
    "CORS_URLS_REGEX": "PATHS",
}


@register(Tags.security)
def check_policies(**kwargs: Any) -> list[CheckMessage]:
    """E001 to E017: what keeps the policies from being compiled."""
    try:
        policy_book()
    except PolicyErrors as refused:
        return [as_message(error) for error in refused.errors]
    return []


@register(Tags.security)
def check_setup(**kwargs: Any) -> list[CheckMessage]:
    """W001 to W005: what keeps the policies from doing anything."""
    return [*_missing_setting(), *_middleware_problems(), *_leftovers()]


@register(Tags.security)
def check_usefulness(**kwargs: Any) -> list[CheckMessage]:
    """W006, W007, W011 to W013: what a policy allows beside, or short of, what was meant."""
    messages = [
        warning
        for place, policy in _policies()
        for warning in (
            *_csrf_header(place, policy),
            *_pattern_problems(place, policy),
            # Those of a rehearsal are tried on requests as well.
            *(
                _pattern_problems(policy.rehearsal.place, policy.rehearsal)
                if policy.rehearsal
                else ()
            ),
        )
    ]
    return [*messages, *_idle_policies()]


@register(Tags.security)
def check_names(**kwargs: Any) -> list[CheckMessage]:
    """W016 to W018: methods, headers and origins that probably do not do what was meant."""
    return [
        warning
        for place, policy in _policies_and_rehearsals()
        for warning in (
            *_useless_request_headers(place, policy),
            *_useless_response_headers(place, policy),
            *_misspelt_methods(place, policy),
            *_null_origin(place, policy),
        )
    ]


@register(Tags.urls)
def check_views(**kwargs: Any) -> list[CheckMessage]:
    """E019, E020, W015, W020, and the errors of policies that decorators make, with their views."""
    book = _book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return []
    messages: list[CheckMessage] = []
    for found in declarations():
        if found.is_hidden:
            messages.append(as_message(found.error()))
            continue
        try:
            derive_policy(book, found.declaration, found.on)
        except PolicyErrors as refused:
            messages += map(as_message, refused.errors)
    messages += _reopened_methods(book)
    # A view may be in the URLconf more than once.
    return list({str(message): message for message in messages}.values())


@register(Tags.urls)
def check_decorators(**kwargs: Any) -> list[CheckMessage]:
    """W014: decorators that no URL of the project leads to."""
    if not hasattr(settings, "ROOT_URLCONF"):
        return []
    in_use = set[Mark]().union(*(inspection.marks() for _, inspection in inspected_routes()))
    unused = {(mark.file, mark.line): mark for mark in all_marks() if mark not in in_use}
    return [
        _warning(
            14,
            f"{_shorten(file)}:{line}",
            f"No URL leads to what {mark.declaration.name} decorates here, so it has no effect.",
            "Decorate what the URLconf names. In a class, that is the class, its dispatch() or a "
            "method that answers requests, such as post(), and nothing that these call. A "
            "framework's decorator that registers the function below it, such as "
            "@router.get(...), goes above this one. If another URLconf leads to the view "
            "(request.urlconf), silence this check.",
        )
        for (file, line), mark in unused.items()
    ]


@register(Tags.security, deploy=True)
def check_cookies(**kwargs: Any) -> list[CheckMessage]:
    """W008 and W009: cookies that browsers will not send to this site from an allowed origin."""
    return [warning for place, policy in _policies() for warning in _cookie_problems(place, policy)]


@register(Tags.security, deploy=True)
def check_local_origins(**kwargs: Any) -> list[CheckMessage]:
    """W019: credentials for origins that are on the user's own device."""
    if settings.DEBUG:
        return []
    return [warning for place, policy in _policies() for warning in _local_origins(place, policy)]


def as_message(error: PolicyError) -> CheckMessage:
    return Error(
        error.message, hint=error.hint, obj=error.key or None, id=f"django_cors_policy.{error.id}"
    )


def _shorten(file: str) -> str:
    """The path of a file, from the current directory on if it is below that."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _reopened_methods(book: PolicyBook) -> Iterator[CheckMessage]:
    """W015 and W020: methods that a decorator nearby does not govern, and that are open for it."""
    for route, inspection in inspected_routes():
        for bypass in inspection.find_overridden():
            if why := _opens(book, route, bypass):
                name = bypass.declaration.name
                yield _warning(
                    15,
                    bypass.by,
                    f"The method overrides {bypass.on}, which has {name}, and has no decorator "
                    f"itself. It is open to other origins now, because of {why}.",
                    f"Write {name} above {bypass.by} too, or decorate its class.",
                )
        for bypass in inspection.find_calls():
            if why := _opens(book, route, bypass):
                name = bypass.declaration.name
                yield _warning(
                    20,
                    bypass.by,
                    f"{bypass.method or 'The view'} calls {bypass.on}, which has {name}. The "
                    "decorator does not govern the caller, which is open to other origins, because "
                    f"of {why}.",
                    f"Write {name} above {bypass.by} too, or decorate its class.",
                )


def _opens(book: PolicyBook, route: Route, bypass: Bypass) -> str:
    """Because of what ``bypass`` is open to origins that its decorator refuses; "" if it is not."""
    try:
        before = derive_policy(book, bypass.declaration, bypass.on)
    except PolicyErrors:
        return ""  # said already
    ruling = rule_view(book, route.pattern.callback, bypass.method)
    rulings = [ruling] if ruling is not None else [book.rule_path(route.literal)]
    if ruling is None and not route.is_literal:
        rulings = list(book.rulings_below(route.literal))
    reasons = (r.reason for r in rulings if r is not None and _is_wider(r.policy, before))
    return next(reasons, "")


def _is_wider(policy: Policy, before: Policy) -> bool:
    """Whether ``policy`` may allow an origin, or credentials, that ``before`` does not."""
    same = {*map(str, before.origins)}
    origins = any(
        str(origin) not in same and before.matcher.match(str(origin)) is None
        for origin in policy.origins
    )
    takes_rows = sources.source is not None and policy.rows_alias not in (None, before.rows_alias)
    asks_another = policy.allow_origin_func not in (None, before.allow_origin_func)
    if not before.any_origin and (origins or takes_rows or asks_another):
        return True
    return policy.allow_credentials and not before.allow_credentials


def _book() -> PolicyBook | None:
    """The policies, or None where they do not compile: then the errors come first."""
    try:
        return policy_book()
    except PolicyErrors:
        return None


def _policies() -> Iterator[tuple[Place, Policy]]:
    """Every policy of settings and of decorators, with its place."""
    book = _book()
    if book is None:
        return
    for alias, policy in book.policies.items():
        yield Place(alias), policy
    for found in declarations() if hasattr(settings, "ROOT_URLCONF") else ():
        declaration = found.declaration
        if declaration.overrides and not found.is_hidden:
            with contextlib.suppress(PolicyErrors):  # check_views has said it
                place = DecoratorPlace(declaration.alias, declaration.name, found.on)
                yield place, derive_policy(book, declaration, found.on)


def _policies_and_rehearsals() -> Iterator[tuple[Place, Policy]]:
    for place, policy in _policies():
        yield place, policy
        if policy.rehearsal is not None:
            yield policy.rehearsal.place, policy.rehearsal


def _says(policy: Policy, key: str) -> bool:
    """Whether ``key`` is written in this policy, not in another one that it takes over."""
    return key in policy.config and policy.place.owner(key) is policy.place


def _idle_policies() -> Iterator[Warning]:
    book = _book()
    if book is None or not hasattr(settings, "ROOT_URLCONF"):
        return
    named = {found.declaration.alias for found in declarations()}
    for alias, policy in book.policies.items():
        if policy.paths is None and alias != DEFAULT_ALIAS and alias not in named:
            hint = f"Give it PATHS, decorate a view with @cors_policy({alias!r}), or delete it."
            if DEFAULT_ALIAS not in book.policies:
                hint += f" The policy for all other paths is called {DEFAULT_ALIAS!r}."
            yield _warning(
                12,
                str(Place(alias)),
                "The policy governs nothing: it has no PATHS, and no decorator in the URLconf "
                "names it.",
                hint,
            )


def _warning(number: int, place: str, message: str, hint: str) -> Warning:
    return Warning(message, hint=hint, obj=place, id=f"django_cors_policy.W{number:03}")


def _missing_setting() -> Iterator[Warning]:
    if not hasattr(settings, SETTING):
        yield _warning(
            1,
            SETTING,
            "The setting is missing, so no other origin is allowed anywhere.",
            f"Write {SETTING} = {{'default': {{'ALLOW_ORIGINS': ['https://app.example.com'], "
            "'PATHS': ['/api/']}}.",
        )


def has_middleware(known: str = MIDDLEWARE) -> bool:
    """Whether ``MIDDLEWARE`` has the one that is ``known`` by its path, or a subclass of it."""
    return any(is_middleware(path, known) for path in settings.MIDDLEWARE)


def misplaced_middleware() -> list[Warning]:
    """W004: what comes before ours and belongs behind it."""
    return [
        problem for problem in _middleware_problems() if problem.id == "django_cors_policy.W004"
    ]


def _middleware_problems() -> Iterator[Warning]:
    ours = None
    for index, path in enumerate(settings.MIDDLEWARE):
        if is_middleware(path, MIDDLEWARE):
            if ours is None:
                ours = index
            else:
                yield _warning(
                    3,
                    f"MIDDLEWARE[{index}]",
                    f"{path!r} stands there a second time.",
                    f"Leave it out; MIDDLEWARE[{ours}] does the work.",
                )
        elif path == CORSHEADERS_MIDDLEWARE:
            yield _warning(
                3,
                f"MIDDLEWARE[{index}]",
                f"{path!r} answers cross-origin requests too, by other rules.",
                "Leave one of the two out.",
            )
    if ours is None:
        yield _warning(
            2,
            "MIDDLEWARE",
            f"{MIDDLEWARE!r} is missing, so the policies have no effect.",
            "Put it first in MIDDLEWARE.",
        )
    for index, path in enumerate(settings.MIDDLEWARE[:ours] if ours else ()):
        for misplaced, consequence in _belongs_behind():
            if is_middleware(path, misplaced):
                yield _warning(
                    4,
                    f"MIDDLEWARE[{index}]",
                    f"{path!r} stands before {MIDDLEWARE!r} and {consequence}",
                    f"Move {MIDDLEWARE!r} to the top of MIDDLEWARE.",
                )
                break


def _belongs_behind() -> Iterator[tuple[str, str]]:
    """What must not come before ours, and what happens if it does."""
    yield from CACHING_MIDDLEWARE.items()
    answering = dict(ANSWERING_MIDDLEWARE)
    if settings.SECURE_SSL_REDIRECT:
        # Without the redirect it only adds headers. A preflight must not be redirected:
        # https://fetch.spec.whatwg.org/#cors-preflight-fetch-0, step 7 wants an ok status.
        answering[SECURITY_MIDDLEWARE] = "it redirects to https"
    for path, why in answering.items():
        yield path, f"can answer without it: {why}. Browsers then see no CORS headers."


def is_middleware(path: str, known: str) -> bool:
    """Whether a middleware is the known one or a subclass of it."""
    if path == known:
        return True
    try:
        middleware = import_string(path)
    except Exception:  # noqa: BLE001 -- whatever it raises, Django says it when it loads it
        return False
    bases = getattr(middleware, "__mro__", ())
    return known in (f"{base.__module__}.{base.__qualname__}" for base in bases)


def _leftovers() -> Iterator[Warning]:
    for name, meaning in LEFTOVERS.items():
        if hasattr(settings, name):
            yield _warning(
                5,
                name,
                "The setting is django-cors-headers'; nothing reads it here.",
                f"Say it in {SETTING}: {meaning}. Then delete the setting.",
            )


def _csrf_header(place: Place, policy: Policy) -> Iterator[Warning]:
    header = settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
    if (
        policy.allow_credentials
        and not {header, fetch.WILDCARD} & set(policy.allow_headers)
        and has_middleware(CSRF_MIDDLEWARE)
    ):
        yield _warning(
            6,
            place.locate("ALLOW_HEADERS"),
            f"Credentials are allowed and {header!r} is not, so no script on an allowed origin can "
            "send Django's CSRF token in that header.",
            f"Add {header!r}; if no view of this policy is CSRF-protected, silence this check.",
        )


def _useless_request_headers(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_HEADERS"
    names = policy.allow_headers if _says(policy, key) else ()
    forbidden = [name for name in names if fetch.is_forbidden_request_header(name)]
    of_responses = [name for name in names if name in fetch.CORS_RESPONSE_HEADERS]
    if not forbidden and not of_responses:
        return
    message = _sentences(
        ("Browsers let no script set {}.", forbidden),
        ("Requests need no {}: the middleware writes such headers on responses.", of_responses),
    )
    hint = _leave_out(forbidden + of_responses)
    if "cookie" in forbidden and not policy.allow_credentials:
        hint += (
            f" For requests with cookies, set {place.spell('ALLOW_CREDENTIALS')} to True: browsers "
            "send them by themselves."
        )
    if of_responses:
        hint += " If your front end sets such a header on its requests, remove it there first."
    yield _warning(16, place.locate(key), message, hint)


def _useless_response_headers(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "EXPOSE_HEADERS"
    names = policy.expose_headers if _says(policy, key) else ()
    hidden = [name for name in names if name in fetch.FORBIDDEN_RESPONSE_HEADERS]
    of_requests = [name for name in names if name in fetch.REQUEST_ONLY_HEADERS]
    of_browsers = [name for name in names if name in fetch.CORS_RESPONSE_HEADERS]
    if not hidden and not of_requests and not of_browsers:
        return
    message = _sentences(
        ("Browsers never show {} to scripts.", hidden),
        ("Requests have {}, and responses do not.", of_requests),
        ("Only the browser needs {}.", of_browsers),
    )
    hint = _leave_out(hidden + of_requests + of_browsers)
    if of_requests:
        hint += " If your views do send such a header in responses, silence this check."
    yield _warning(16, place.locate(key), message, hint)


def _sentences(*sentences: tuple[str, list[str]]) -> str:
    """Each sentence with its names, without those that have none."""
    return " ".join(
        sentence.format(", ".join(map(repr, names))) for sentence, names in sentences if names
    )


def _leave_out(names: list[str]) -> str:
    return "Leave it out." if len(names) == 1 else "Leave them out."


def _misspelt_methods(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_METHODS"
    for index, method in enumerate(policy.config[key] if _says(policy, key) else ()):
        meant = fetch.nearest_method(method)
        if meant is not None:
            yield _warning(
                17,
                place.locate(key, index),
                f"{method!r} is not a registered HTTP method.",
                f"Did you mean {meant!r}? If not, silence this check.",
            )


def _null_origin(place: Place, policy: Policy) -> Iterator[Warning]:
    key = "ALLOW_ORIGINS"
    if _says(policy, key) and fetch.NULL in policy.origins:
        yield _warning(
            18,
            place.locate(key, policy.origins.index(fetch.NULL)),
            f"{fetch.NULL!r} allows any site: every site can send it, from a sandboxed frame.",
            "Write ['*'] if every site may read the responses. If not, leave it out, and serve "
            "your own page from an origin, such as 'http://localhost:3000'.",
        )


def _pattern_problems(place: Place, policy: Policy) -> Iterator[Warning]:
    for index, entry in enumerate(policy.origins):
        if not isinstance(entry, re.Pattern):
            continue
        where = place.locate("ALLOW_ORIGINS", index)
        if why_untried := regexes.why_untried(entry):
            yield _warning(
                11,
                where,
                f"{short_repr(entry)} could not be tried, for {why_untried}.",
                "Origins are lower-case, with neither path nor trailing slash. If the pattern is "
                "right, silence this check; a list of origins or a wildcard is easier to trust.",
            )
        if regexes.is_slow(entry):
            instead = "a wildcard such as 'https://*.example.com'"
            yield _slow_pattern(where, entry, "origins", instead)
        elif found := regexes.lookalike(entry):
            meant, other, why = found
            yield _warning(
                7,
                where,
                f"{short_repr(entry)} matches {meant!r}, and {other!r} as well: {why}.",
                r"Escape each dot of the name (\.), and let the name end the pattern; or write a "
                "wildcard such as 'https://*.example.com', which does both.",
            )
    for index, path in enumerate(policy.paths or ()):
        is_slow = isinstance(path, re.Pattern) and regexes.is_slow_on_paths(path)
        where = place.locate("PATHS", index)
        if is_slow is None:
            yield _warning(
                11,
                where,
                f"{short_repr(path)} could not be tried, for it is too large, or has parts that "
                "the check cannot read. It may take very long for some paths.",
                "Write a prefix such as '/api/'. If you know that the pattern is quick, silence "
                "this check.",
            )
        elif is_slow and isinstance(path, re.Pattern):
            yield _slow_pattern(where, path, "paths", "a prefix such as '/api/'")


def _slow_pattern(where: str, pattern: re.Pattern[str], subjects: str, instead: str) -> Warning:
    return _warning(
        13,
        where,
        f"{short_repr(pattern)} takes more than {regexes.SLOW_STEPS:,} steps for some {subjects} "
        "that it does not match.",
        f"A stranger can send such {subjects} all day. Leave no two repetitions that can match "
        f"the same characters, next to or inside of each other; or write {instead}.",
    )


def _cookie_problems(place: Place, policy: Policy) -> Iterator[Warning]:
    if not policy.allow_credentials:
        return
    cross_site = _cross_site_origin(policy)
    if cross_site is None:
        return
    samesite = settings.SESSION_COOKIE_SAMESITE
    # Django takes any case. Without the attribute (False), Chromium acts as if it were Lax.
    is_kept_back = not samesite or samesite.lower() != "none"
    where = place.locate("ALLOW_CREDENTIALS")
    fine = (
        "If that origin and this server are one site (same scheme, same registrable name), all is "
        "well: name this server's hosts in ALLOWED_HOSTS, or silence this check."
    )
    if is_kept_back:
        yield _warning(
            8,
            where,
            f"Pages on {cross_site!r} may send credentials, but SESSION_COOKIE_SAMESITE is "
            f"{samesite!r}: from another site, browsers leave the session cookie out.",
            f"{fine} Otherwise set SESSION_COOKIE_SAMESITE = 'None' and SESSION_COOKIE_SECURE = "
            "True, and mind that many browsers block third-party cookies.",
        )
    elif not settings.SESSION_COOKIE_SECURE:
        yield _warning(
            9,
            where,
            f"Pages on {cross_site!r} may send credentials, but the session cookie is not Secure: "
            "browsers reject a cookie for other sites without it.",
            f"Set SESSION_COOKIE_SECURE = True. {fine}",
        )


def _local_origins(place: Place, policy: Policy) -> Iterator[Warning]:
    is_own = _says(policy, "ALLOW_ORIGINS") or _says(policy, "ALLOW_CREDENTIALS")
    if not policy.allow_credentials or not is_own:
        return
    # Of any scheme: the web views of apps have capacitor://localhost, https://localhost and others.
    local = [
        short_repr(entry if isinstance(entry, re.Pattern) else str(entry))
        for entry in policy.origins
        if any(is_loopback(origin.host) for origin in _origins_of(entry))
    ]
    if local:
        yield _warning(
            19,
            str(place),
            f"Credentials are allowed for {', '.join(local)}: any program on a user's device can "
            "have such an origin, and act as that user.",
            "For development, add such origins only where DEBUG is True, or read the list from "
            "the environment. In an app, send a token in place of cookies. If you accept the "
            "risk, silence this check.",
        )


def _cross_site_origin(policy: Policy) -> str | None:
    """An allowed origin whose site is none of this server's, as far as ``ALLOWED_HOSTS`` tells."""
    own = {
        registrable_domain(host.removeprefix("."))
        for host in settings.ALLOWED_HOSTS
        if host != fetch.WILDCARD
    }
    for entry in policy.origins:
        for origin in _origins_of(entry):
            if not is_loopback(origin.host) and registrable_domain(origin.host) not in own:
                return str(origin)
    return None


def _origins_of(entry: Entry) -> tuple[OriginPattern, ...]:
    if isinstance(entry, re.Pattern):
        return regexes.samples(entry)
    return (entry,) if isinstance(entry, OriginPattern) else ()
