#!/usr/bin/env python
"""Django's command line for the example project. First try ``python manage.py demo``."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise ImportError(
            "Django cannot be imported. Activate the virtual environment, and install the project "
            "in it."
        ) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
