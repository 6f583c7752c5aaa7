"""Origins in the database: the optional app ``django_cors_policy.allowlist``."""
