"""The optional app ``django_cors_policy.allowlist``: allowed origins in the database."""
