"""A project that several processes serve, with its database in a cluster of the test's own."""

from __future__ import annotations

import os

import environ

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, TEMPLATES  # noqa: F401

env = environ.Env()

DATABASES = {"default": env.db("DATABASE_URL")}
ROOT_URLCONF = "tests.processes.urls"
MIDDLEWARE = [
    "django_cors_policy.middleware.CorsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
CORS_POLICIES = {"default": {"ALLOW_ORIGINS": ["https://app.example.com"]}}
CORS_ALLOWLIST = {"REFRESH_SECONDS": float(os.environ["REFRESH_SECONDS"])}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
