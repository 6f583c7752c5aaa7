"""README, install and allowlist work when they are followed literally, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .followed import ROOT, Project, part

CHECK, MIGRATE = "manage.py check", "manage.py migrate"
ASK = """
from django.test import Client
for path in ("/api/items/", "/admin/login/"):
    response = Client().get(path, headers={"Origin": "https://app.example.com"})
    print(path, response.status_code, response.get("Access-Control-Allow-Origin"))
"""
ANSWERED = ["/api/items/ 200 https://app.example.com", "/admin/login/ 200 None"]


def answers(project: Project) -> list[str]:
    project.write_settings("ALLOWED_HOSTS = ['testserver']")
    shell = project.run("manage.py", "shell", "--command", ASK)
    return [line for line in shell.stdout.splitlines() if line.startswith("/")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.start(tmp_path)


def test_install_then_allowlist(project: Project) -> None:
    ran = project.follow(part("docs/install.rst"))
    assert ran == [CHECK, f"{CHECK} --deploy"]
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    assert project.follow(part("docs/allowlist.rst")) == [MIGRATE]
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    project.run("manage.py", "cors_origins", "add", "https://new.example")
    assert "https://new.example" in project.run("manage.py", "cors_origins", "list").stdout
    assert answers(project) == ANSWERED


@pytest.mark.parametrize(
    "page", ["README.rst", pytest.param("docs/index.rst", marks=pytest.mark.slow)]
)
def test_the_first_example(project: Project, page: str) -> None:
    """The five lines open nothing but ``/api/``, and the checks have nothing to say."""
    text = part(page, "The settings in five lines" if page == "README.rst" else None)
    assert project.follow(text) == []
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    project.run("manage.py", "migrate")
    assert answers(project) == ANSWERED


@pytest.mark.slow
def test_the_readme_from_its_settings_to_the_admin(project: Project) -> None:
    """The five lines, the longer example of "Install", then the allowlist."""
    project.follow(part("README.rst", "The settings in five lines"))
    install = part("README.rst", "Install")
    policies, decorated = re.findall(r"\.\. code-block:: python\n\n(?: +.*\n|\n)+", install)
    project.follow(policies)
    (project.folder / "decorated.py").write_text(
        re.sub(r"^ {4}", "", decorated.partition("\n\n")[2], flags=re.MULTILINE)
    )
    project.run("manage.py", "shell", "--command", "import decorated")
    project.write_settings('INSTALLED_APPS += ["django_cors_policy.allowlist"]')
    project.run(*MIGRATE.split())
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    assert answers(project) == ANSWERED


def test_only_the_allowlist_is_installed(project: Project) -> None:
    """W023 as documented, and what it says of the middleware and the commands is so."""
    project.write_settings('INSTALLED_APPS += ["django_cors_policy.allowlist"]')
    project.write_settings("CORS_POLICIES = {}")
    project.write_settings(FIRST)
    said = project.run("manage.py", "check").stderr
    assert " ".join(message_of("W023").split()) in " ".join(said.split())
    assert "Unknown command" in project.run("manage.py", "cors_explain", check=False).stderr
    assert "Add 'django_cors_policy' to INSTALLED_APPS" in starts(project)
    # The hint, done literally.
    hint = "INSTALLED_APPS.insert(-1, 'django_cors_policy')"
    project.write_settings(hint)
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    assert starts(project) == ""


def test_only_the_middleware_is_there(project: Project) -> None:
    project.write_settings(FIRST)
    assert project.run("manage.py", "check").stdout.startswith("System check identified no issues")
    [last] = starts(project).splitlines()[-1:]
    assert last == (
        "django.core.exceptions.ImproperlyConfigured: MIDDLEWARE has "
        "'django_cors_policy.middleware.CorsPolicyMiddleware', but INSTALLED_APPS lacks "
        "'django_cors_policy', so 'manage.py check' does not check your policies. Add "
        "'django_cors_policy' to INSTALLED_APPS."
    )
    project.write_settings("INSTALLED_APPS += ['django_cors_policy']")
    assert starts(project) == ""


FIRST = 'MIDDLEWARE.insert(0, "django_cors_policy.middleware.CorsPolicyMiddleware")'


def starts(project: Project) -> str:
    """What is said when the server starts; nothing if all is well."""
    return project.run("-c", "import mysite.wsgi", check=False).stderr


def message_of(check: str) -> str:
    """The documented message of a check."""
    section = (ROOT / "docs/checks.rst").read_text().partition(f".. _{check}:\n")[2]
    [message] = re.findall(r"    :class: message\n\n((?: .*\n)+)", section)[:1]
    return message.replace("INSTALLED_APPS: (", "").partition(") ")[2]
