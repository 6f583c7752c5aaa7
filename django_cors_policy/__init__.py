"""CORS policies for Django, written in settings, in the database or as decorators."""

__version__ = "0.1.0"
