"""What ``MIDDLEWARE`` names, known by its path or by what it inherits from."""

from __future__ import annotations

from typing import Any

import pytest
from django.middleware.common import CommonMiddleware

from django_cors_policy.checks import check_middleware
from tests.checks.common import AUTH, COMMON, CSRF, FETCH_FROM_CACHE, OURS, SECURITY, SESSION, ids


def own_middleware(get_response: Any) -> Any:
    return get_response


class OwnCommonMiddleware(CommonMiddleware):
    pass


@pytest.mark.parametrize(
    "path",
    [
        COMMON,
        CSRF,
        SESSION,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "django.middleware.cache.CacheMiddleware",
        FETCH_FROM_CACHE,
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "tests.test_middleware_list.OwnCommonMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",  # known by name, installed or not
    ],
)
def test_w004_for_each_that_answers(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS]
    assert ids(check_middleware()) == ["W004"]


@pytest.mark.parametrize(
    "path",
    [
        "django.middleware.gzip.GZipMiddleware",
        AUTH,  # it asks for a session, and answers nothing
        "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
        "tests.test_middleware_list.own_middleware",
        "tests.wire.unauthorized",
        SECURITY,  # without a redirect it only adds headers
        "nowhere.at.all",  # Django says that
    ],
)
def test_middleware_that_may_stand_before(settings: Any, path: str) -> None:
    settings.MIDDLEWARE = [path, OURS]
    assert check_middleware() == []


def test_w004_security_redirects(settings: Any) -> None:
    settings.MIDDLEWARE = [SECURITY, OURS]
    settings.SECURE_SSL_REDIRECT = True
    (message,) = check_middleware()
    assert "(redirects to https)" in message.msg
