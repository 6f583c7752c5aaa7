"""A small project around the app. Tests change what they need by the settings fixture."""

import os
import tempfile
from pathlib import Path

import environ

env = environ.Env()

SECRET_KEY = "not secret: these are tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django_cors_policy",
    "django_cors_policy.allowlist",
]
MIDDLEWARE = ["django_cors_policy.middleware.CorsPolicyMiddleware"]
DATABASES = {"default": env.db("DATABASE_URL", default="sqlite://:memory:")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file: threads and processes of the tests share it, as they would share a server.
    file = Path(tempfile.gettempdir(), f"django-cors-policy-{os.getpid()}.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(file)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
STATIC_URL = "static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# The admin's own checks want what the tests of the admin add to MIDDLEWARE.
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410"]
