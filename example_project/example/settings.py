"""Settings of the example project: a bookshop's JSON API, called by a page on another origin.

Values that differ between a laptop and a server come from environment variables, or from a file:
``.env`` next to ``manage.py``, or the file in ``ENV_FILE``. ``.env.example`` lists all of them. The
defaults are for a laptop.
"""

import os
import secrets
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"))

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default=secrets.token_urlsafe(50))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_cors_policy",
    "django_cors_policy.allowlist",  # more origins, in the admin
    "shop",
    "demo",
]

MIDDLEWARE = [
    # First: it answers preflights itself, and adds its headers to the responses of all other
    # middleware too (a redirect, a 403 of the CSRF check, a 500).
    "django_cors_policy.middleware.CorsPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# --- Other origins ------------------------------------------------------------------------------

PAGE_PORT = env.int("PAGE_PORT", default=8001)
CORS_ALLOW_ORIGINS = env.list("CORS_ALLOW_ORIGINS", default=[f"http://localhost:{PAGE_PORT}"])

CORS_POLICIES = {
    # Our own front end: it may sign visitors in and change books. Each list has only what the front
    # end uses. The admin is outside PATHS, so no other origin can read it.
    "default": {
        "ALLOW_ORIGINS": CORS_ALLOW_ORIGINS,
        "ALLOW_CREDENTIALS": True,
        "ALLOW_METHODS": ["DELETE", "GET", "POST", "PUT"],
        "ALLOW_HEADERS": ["content-type", "x-client-version", "x-csrftoken"],
        "EXPOSE_HEADERS": ["X-Total-Count"],
        "PATHS": ["/api/"],
    },
    # All pages on the web: data that is public anyway. The longest matching path wins.
    "public": {
        "ALLOW_ORIGINS": ["*"],
        "ALLOW_METHODS": ["GET"],
        "PATHS": ["/api/public/"],
    },
    # The pages of partners. This policy has no PATHS: views name it (shop/views.py). Add and remove
    # partners in the admin, under "CORS allowlist". Rows there can add origins to any policy.
    "partner": {
        "ALLOW_ORIGINS": ["https://portal.partner.example"],
        "ALLOW_METHODS": ["PUT"],
        "ALLOW_HEADERS": ["authorization", "content-type"],
    },
}

# The admin lists recently refused origins under "Refused origins". You can allow a missing partner
# from there.
CORS_ALLOWLIST = {"RECORD_REFUSALS": True}

# The token that partners' scripts send to identify themselves.
PARTNER_TOKEN = env.str("PARTNER_TOKEN", default=secrets.token_urlsafe(30))

# CORS decides which pages may read a response. It does not stop requests: Django's CSRF protection
# prevents other pages from misusing a visitor's cookie, and it must know our front end too.
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=CORS_ALLOW_ORIGINS)
CSRF_FAILURE_VIEW = "shop.errors.csrf_failure"

# A site can have many origins: http://localhost:8000 and :8001 are two origins on one site, so
# browsers send SameSite=Lax cookies between them (as between app.example.com and api.example.com).
# Between two sites, cookies must be SameSite=None and Secure, and many browsers block even those.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = env.str("COOKIE_SAMESITE", default="Lax")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIE_SECURE", default=False)
# All ports share cookies. With its own names, this project does not overwrite the cookies of other
# projects on localhost.
SESSION_COOKIE_NAME = "bookshop_session"
CSRF_COOKIE_NAME = "bookshop_csrf"

# --- Django's usual settings --------------------------------------------------------------------

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
ASGI_APPLICATION = "example.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": env.db_url(
        "DATABASE_URL", default=f"sqlite:///{(BASE_DIR / 'db.sqlite3').as_posix()}"
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
