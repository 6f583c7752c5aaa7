"""Cross-origin policies for Django: settings, database rows and decorators, one meaning."""

__version__ = "0.1.0"
