"""Sphinx configuration: `sphinx-build -W -n -b html docs OUTPUT`, offline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from django_cors_policy import __version__

project = "django-cors-policy"
author = "The django-cors-policy authors"
project_copyright = author
release = version = __version__

extensions: list[str] = []
exclude_patterns: list[str] = []
nitpicky = True
highlight_language = "python"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_copyright = False
