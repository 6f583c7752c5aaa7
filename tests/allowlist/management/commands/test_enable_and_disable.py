"""``manage.py cors_origins enable`` and ``disable``, and the commands that messages advise."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_cors_policy.allowlist.models import AllowedOrigin, read_token
from tests.allowlist.conftest import allowed

from .test_cors_origins import FAR_OFF, LONG_AGO, ONE, TWO, create, create_raw, refusal, rows, run

pytestmark = pytest.mark.django_db

HTTP = "http://one.example"
WRONG = {"default": {"ALLOW_ORIGIN": []}}


def advised(text: str) -> list[list[str]]:
    """The words of each command in a message, as a shell reads them."""
    commands = [shlex.split(command) for command in re.findall("`(.+?)`", text)]
    assert all(words[:3] == ["python", "manage.py", "cors_origins"] for words in commands)
    return [words[3:] for words in commands]


class TestEnable:
    def test_puts_rows_in_force_and_keeps_their_values(self) -> None:
        create(is_enabled=False, note="Ann's", expires_at=FAR_OFF, allow_credentials=False)
        create(TWO, is_enabled=False)
        token = read_token("default")
        before = AllowedOrigin.objects.get(origin=ONE)
        said = run("enable", ONE, TWO)
        assert said.splitlines()[0].startswith(
            f"Enabled: {ONE} in policy 'default', until 2222-02-"
        )
        assert said.splitlines()[0].endswith(", without credentials.")
        assert said.splitlines()[1] == f"Enabled: {TWO} in policy 'default'."
        assert rows() == [
            ("default", ONE, False, True, FAR_OFF, "Ann's"),
            ("default", TWO, True, True, None, ""),
        ]
        assert allowed(ONE)
        assert read_token("default") != token
        after = AllowedOrigin.objects.get(origin=ONE)
        assert (after.pk, after.created_at) == (before.pk, before.created_at)
        assert after.updated_at > before.updated_at

    def test_enabled_row_does_not_change(self) -> None:
        create()
        before, token = rows(), read_token("default")
        said = run("enable", ONE, "--expires=7d", "--no-credentials")
        assert said == f"Unchanged: {ONE} in policy 'default'.\n"
        assert (rows(), read_token("default")) == (before, token)

    def test_other_policy(self) -> None:
        create("https://xn--mnchen-3ya.example", policy="open", is_enabled=False)
        said = run("enable", "https://münchen.example", "--policy=open")
        assert said == "Enabled: https://münchen.example in policy 'open'.\n"
        assert run("enable", "https://münchen.example", "--policy=open", verbosity=0) == ""

    def test_all_or_none(self) -> None:
        create(is_enabled=False)
        create(TWO, policy="open", is_enabled=False)
        told = refusal("enable", ONE, TWO, "https://three.example", f"{ONE}/")
        assert told.splitlines() == [
            "3 problems; nothing was changed:",
            f"- {TWO} is not in policy 'default'. It is in 'open': choose the policy with "
            "--policy.",
            "- https://three.example is not in policy 'default'. To add it, use 'add'.",
            f"- '{ONE}/' has a path; an origin has none. Write '{ONE}'.",
        ]

    def test_has_no_option_to_ignore_missing_origins(self) -> None:
        """A script that enables an origin needs it to be allowed."""
        with pytest.raises(CommandError, match="unrecognized arguments: --missing-ok"):
            run("enable", ONE, "--missing-ok")

    def test_new_expiry(self) -> None:
        create(is_enabled=False, expires_at=LONG_AGO)
        assert "is not in the future" in refusal("enable", ONE, "--expires=2001-02-03")
        said = run("enable", ONE, "--expires=2222-02-03T04:05:06Z")
        assert said.startswith(f"Enabled: {ONE} in policy 'default', until 2222-02-")
        assert allowed(ONE)

    def test_settings_that_are_wrong(self, settings: Any) -> None:
        create(is_enabled=False)
        settings.CORS_POLICIES = WRONG
        assert "CORS_POLICIES is wrong" in refusal("enable", ONE)

    def test_row_of_an_unknown_policy(self) -> None:
        create(policy="opne", is_enabled=False)
        told = refusal("enable", ONE, "--policy=opne")
        assert told.startswith("policy: 'opne' is not a policy in CORS_POLICIES. Did you mean 'op")

    @pytest.mark.parametrize("origin", ["HTTPS://one.example", "https://münchen.example"])
    def test_unreadable_row(self, origin: str) -> None:
        row = create_raw(origin)
        AllowedOrigin.objects.filter(pk=row.pk).update(is_enabled=False)
        assert f"'{origin}' " in refusal("enable", origin)


class TestAdvice:
    """Each command in a message, taken literally, does what the message says."""

    @pytest.mark.parametrize("is_enabled", [True, False])
    @pytest.mark.parametrize("origin", [ONE, HTTP, "https://*.github.io"])
    @pytest.mark.parametrize("has_expired", [True, False])
    @pytest.mark.parametrize("command", ["add", "enable"])
    def test_rows_without_effect(
        self, command: str, has_expired: bool, origin: str, is_enabled: bool
    ) -> None:
        """Whatever keeps a row out of force: one command, and then it is in force."""
        expires_at = LONG_AGO if has_expired else None
        create(origin, is_enabled=is_enabled, expires_at=expires_at, note="Ann's")
        is_risky = origin != ONE
        if is_enabled and not has_expired and not is_risky:
            assert run(command, origin).startswith("Unchanged: ")
            return
        if command == "enable" and not (has_expired or is_risky):
            assert run(command, origin).startswith("Enabled: ")
            return
        told = refusal(command, origin)
        [advice] = advised(told)
        assert advice[0] == ("add" if is_enabled else "enable")
        assert ("--expires" in advice) == has_expired
        assert ("--no-credentials" in advice) == is_risky
        run(*advice)
        [row] = AllowedOrigin.objects.all()
        assert (row.note, row.is_enabled, row.allow_credentials) == ("Ann's", True, not is_risky)
        assert allowed(origin.replace("*", "shop"))
        assert run(command, origin).startswith("Unchanged: ")

    def test_words_for_each_reason(self) -> None:
        create(expires_at=LONG_AGO)
        create(TWO, is_enabled=False, policy="open")
        create(HTTP)
        assert re.fullmatch(
            f"{ONE} in policy 'default' has no effect: it expired 2001-02-0[23] .+ To set a new "
            f"expiry, run `.+ add {ONE} --expires 30d --update`. Nothing was changed.",
            refusal("enable", ONE),
        )
        assert refusal("add", TWO, "--policy=open") == (
            f"{TWO} in policy 'open' has no effect: it is disabled. To enable it, run `python "
            f"manage.py cors_origins enable {TWO} --policy open`. Nothing was changed."
        )
        assert refusal("enable", HTTP).startswith(
            f"Run `python manage.py cors_origins add {HTTP} --no-credentials --update`: the row is "
            f"accepted without credentials. With them, '{HTTP}' uses http: an attacker"
        )

    def test_advice_is_about_the_row_in_the_database(self) -> None:
        """The new expiry is not stored, because ``add`` refuses the whole change."""
        create(is_enabled=False, expires_at=LONG_AGO)
        told = refusal("add", ONE, "--expires=7d", "--update")
        [advice] = advised(told)
        run(*advice)
        assert allowed(ONE)

    @pytest.mark.parametrize("origin", [HTTP, "https://*.github.io", "http://*.github.io"])
    def test_new_row_without_credentials(self, origin: str) -> None:
        """Before any change of settings, which concern more than this origin."""
        told = refusal("add", origin)
        found = re.match(r"Use (--\S+): the row is accepted without credentials. With them,", told)
        assert found
        assert "ACCEPT_RISKS" in told
        run("add", origin, found[1])
        assert allowed(origin.replace("*", "shop"))

    @pytest.mark.parametrize("name", ["origins.json", "origins.csv"])
    def test_file_without_credentials(self, name: str, tmp_path: Any) -> None:
        path = tmp_path / name
        text, better = {
            "origins.json": (
                '[{"origin": "http://one.example"}]',
                '[{"origin": "http://one.example", "allow_credentials": false}]',
            ),
            "origins.csv": (
                "origin\nhttp://one.example\n",
                "origin,allow_credentials\nhttp://one.example,false\n",
            ),
        }[name]
        path.write_text(text)
        told = refusal("import", path)
        assert "Set allow_credentials to false: the row is accepted without credentials. " in told
        path.write_text(better)
        run("import", path)
        assert allowed(HTTP)


class TestDisable:
    def test_takes_rows_out_of_force_and_keeps_their_values(self) -> None:
        create(note="Ann's", expires_at=FAR_OFF, allow_credentials=False)
        create(policy="open")
        assert allowed(ONE)
        token = read_token("default")
        assert run("disable", ONE) == f"Disabled: {ONE} in policy 'default'.\n"
        assert rows() == [
            ("default", ONE, False, False, FAR_OFF, "Ann's"),
            ("open", ONE, True, True, None, ""),
        ]
        assert read_token("default") != token
        assert not allowed(ONE)
        assert allowed(ONE, "/public/hello/")

    def test_disabled_row_does_not_change(self) -> None:
        create(is_enabled=False)
        token = read_token("default")
        assert run("disable", ONE) == f"Unchanged: {ONE} in policy 'default', disabled.\n"
        assert read_token("default") == token

    def test_missing_origins(self) -> None:
        create()
        create(TWO, policy="open")
        told = refusal("disable", ONE, TWO, "https://three.example")
        assert told.splitlines() == [
            "2 problems; nothing was changed:",
            f"- {TWO} is not in policy 'default'. It is in 'open': choose the policy with "
            "--policy.",
            "- https://three.example is not in policy 'default'. To ignore this, use --missing-ok.",
        ]
        assert run("disable", ONE, TWO, "--missing-ok") == (
            f"Disabled: {ONE} in policy 'default'.\nNot found: {TWO} in policy 'default'.\n"
        )
        # Probably a typo: the intended origin would stay allowed.
        assert f"Write '{ONE}'" in refusal("disable", f"{ONE}/", "--missing-ok")

    @pytest.mark.parametrize("command", ["enable", "disable", "remove"])
    def test_policy_that_does_not_exist(self, command: str) -> None:
        told = refusal(command, ONE, "--policy=opne")
        assert told.startswith(
            f"{ONE} is not in policy 'opne'. That is not a policy in CORS_POLICIES. Did you mean "
            "'open'?"
        )

    @pytest.mark.parametrize("command", ["disable", "remove"])
    @pytest.mark.parametrize(
        ("origin", "policy"),
        [
            ("HTTPS://one.example", "default"),
            ("https://one.example:443", "default"),
            (" https://one.example", "default"),
            ("https://münchen.example", "default"),
            ("no origin at all", "default"),
            ("https://\x1b[2J", "default"),
            (HTTP, "default"),
            ("null", "default"),
            (ONE, "gone"),
        ],
        ids=[
            "upper-case",
            "default-port",
            "space",
            "unicode",
            "words",
            "control-character",
            "http",
            "null",
            "unknown-policy",
        ],
    )
    @pytest.mark.parametrize("settings_are_wrong", [False, True])
    def test_always_works(
        self, settings_are_wrong: bool, origin: str, policy: str, command: str, settings: Any
    ) -> None:
        """Nothing about the row, the policy or the settings stops what revokes an origin."""
        create_raw(origin, policy)
        if settings_are_wrong:
            settings.CORS_POLICIES = WRONG
        run(command, origin, "--policy", policy, skip_checks=False)
        assert not AllowedOrigin.objects.filter(is_enabled=True)

    def test_each_way_to_write_an_origin(self) -> None:
        """With two rows that mean the same, both are revoked."""
        create("https://xn--mnchen-3ya.example")
        create_raw("https://münchen.example")
        run("disable", "https://münchen.example")
        assert not AllowedOrigin.objects.filter(is_enabled=True)

    def test_settings_that_are_wrong_stop_what_allows_an_origin(self, settings: Any) -> None:
        settings.CORS_POLICIES = WRONG
        with pytest.raises(CommandError, match="ALLOW_ORIGIN"):
            call_command("cors_origins", "add", ONE, skip_checks=False)
