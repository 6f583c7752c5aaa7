"""``manage.py cors_origins``, as scripts and people call it."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_cors_policy.allowlist import batches
from django_cors_policy.allowlist.models import AllowedOrigin, read_token
from tests.allowlist.conftest import allowed

ONE, TWO = "https://one.example", "https://two.example"
HEADER = "policy,origin,allow_credentials,is_enabled,expires_at,note\n"
LONG_AGO = datetime.datetime(2001, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
FAR_OFF = datetime.datetime(2222, 2, 3, 4, 5, 6, 789, tzinfo=datetime.timezone.utc)
UTC = datetime.timezone.utc


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


class Ascii(io.StringIO):
    """What else would be shown, it cannot show."""

    def write(self, text: str) -> int:
        return super().write(text.encode("ascii").decode())


def run(*args: object, **options: Any) -> str:
    """What the command says."""
    out = options.pop("stdout", None) or io.StringIO()
    call_command("cors_origins", *args, stdout=out, no_color=True, **options)
    return out.getvalue()


def refusal(*args: object) -> str:
    """Why the command refuses, having changed nothing."""
    before, token = rows(), read_token("default")
    with pytest.raises(CommandError) as refused:
        run(*args)
    assert refused.value.returncode == 1
    assert (rows(), read_token("default")) == (before, token)
    return str(refused.value)


def rows(using: str = "default") -> list[tuple[Any, ...]]:
    return sorted(AllowedOrigin.objects.using(using).values_list(*batches.FIELDS), key=repr)


def create(origin: str = ONE, **fields: Any) -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=origin, **fields)


def create_raw(origin: str, policy: str = "default") -> AllowedOrigin:
    """A row that was written around all validation."""
    row = create("https://placeholder.example", policy=policy)
    table = AllowedOrigin._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET origin = %s WHERE id = %s", [origin, row.pk])  # noqa: S608
    return row


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "origins.csv"


@pytest.fixture
def as_json(tmp_path: Path) -> Path:
    return tmp_path / "origins.JSON"


@pytest.mark.django_db
class TestAdd:
    def test_opens_and_says_so(self) -> None:
        said = run("add", ONE, TWO)
        assert allowed(ONE)
        assert allowed(TWO)
        assert said == (f"Added: {ONE} in policy 'default'.\nAdded: {TWO} in policy 'default'.\n")

    def test_takes_all_that_a_row_has(self) -> None:
        said = run(
            "add",
            "https://münchen.example",
            "--policy=open",
            "--expires=2222-02-03T04:05:06Z",
            "--note=Ann's",
            "--no-credentials",
        )
        [row] = AllowedOrigin.objects.all()
        assert (row.policy, row.origin) == ("open", "https://xn--mnchen-3ya.example")
        assert (row.expires_at, row.note) == (FAR_OFF.replace(microsecond=0), "Ann's")
        assert not row.allow_credentials
        assert row.is_enabled
        assert "https://münchen.example in policy 'open', until 2222-02-0" in said
        assert said.endswith(", without credentials.\n")

    @pytest.mark.parametrize(
        ("expires", "seconds"),
        [("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600)],
    )
    def test_expires_after_a_while(self, expires: str, seconds: int) -> None:
        before = timezone.now()
        run("add", ONE, "--expires", expires)
        expires_at = AllowedOrigin.objects.get().expires_at
        assert expires_at is not None
        assert expires_at.microsecond == 0
        assert abs(expires_at - before - datetime.timedelta(seconds=seconds)).total_seconds() < 60

    @pytest.mark.parametrize(
        ("expires", "why"),
        [
            ("0d", "'0d' is not in the future. Write a later time."),
            ("2001-02-03", "'2001-02-03' is not in the future. Write a later time."),
            ("999999w", "'999999w' is too far away. Write a duration such as '7d',"),
            ("7", "'7' is not a time. Write a duration such as '7d', '12h' or '30m',"),
            ("7 days", "'7 days' is not a time."),
            ("2030-13-01", "'2030-13-01' is not a time."),
            ("9999-12-31T23:59-10:00", "'9999-12-31T23:59-10:00' is not a time."),
        ],
    )
    def test_refuses_what_is_no_time(self, expires: str, why: str) -> None:
        assert refusal("add", ONE, "--expires", expires).startswith(f"--expires: {why}")

    def test_a_time_that_the_clock_shows_twice(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        assert "it may be ambiguous" in refusal("add", ONE, "--expires", "2035-10-28T02:30")

    def test_a_time_without_a_zone_is_in_the_project_s(self, settings: Any) -> None:
        settings.TIME_ZONE = "Asia/Tokyo"
        said = run("add", ONE, "--expires", "2222-02-03")
        expected = datetime.datetime(2222, 2, 2, 15, tzinfo=UTC)
        assert AllowedOrigin.objects.get().expires_at == expected
        assert said.endswith("until 2222-02-03 00:00:00 JST.\n")

    def test_a_project_without_time_zones(self, settings: Any, as_json: Path) -> None:
        settings.USE_TZ = False
        settings.TIME_ZONE = "UTC"
        said = run("add", ONE, "--expires", "2222-02-03T06:05+02:00")
        assert said.endswith("until 2222-02-03 04:05:00.\n")
        run("add", TWO, "--expires", "2222-02-03")
        run("export", as_json)
        assert [item["expires_at"] for item in json.loads(as_json.read_text())] == [
            "2222-02-03T04:05:00",
            "2222-02-03T00:00:00",
        ]

    def test_twice_is_as_once(self) -> None:
        run("add", ONE, ONE, "--note=a")
        token = read_token("default")
        assert run("add", ONE, "--note=a") == f"Unchanged: {ONE} in policy 'default'.\n"
        assert read_token("default") == token

    def test_what_is_not_said_is_not_compared(self) -> None:
        create(note="a", allow_credentials=False, expires_at=FAR_OFF)
        said = run("add", ONE)
        assert said.startswith("Unchanged: ")
        assert "until 2222" in said
        assert "without credentials" in said

    def test_other_values_need_update(self) -> None:
        create(note="a", expires_at=FAR_OFF)
        arguments = ("add", ONE, TWO, "--note=b", "--expires=never", "--no-credentials")
        told = refusal(*arguments)
        assert told.startswith(f"{ONE} in policy 'default' already exists with other values: ")
        assert "expires_at is 2222-02-0" in told
        assert ", not null" in told
        assert "note is 'a', not 'b', allow_credentials is true, not false." in told
        assert "use --update." in told

        said = run(*arguments, "--update")

        assert said == (
            f"Added: {TWO} in policy 'default', without credentials.\n"
            f"Changed: {ONE} in policy 'default', without credentials.\n"
        )
        assert rows() == [
            ("default", ONE, False, True, None, "b"),
            ("default", TWO, False, True, None, "b"),
        ]

    def test_update_leaves_what_is_not_said_and_moves_the_time_of_change(self) -> None:
        row = create(note="a", expires_at=FAR_OFF, allow_credentials=False)
        run("add", ONE, "--credentials", "--update")
        changed = AllowedOrigin.objects.get()
        assert (changed.note, changed.expires_at, changed.allow_credentials) == ("a", FAR_OFF, True)
        assert changed.created_at == row.created_at
        assert changed.updated_at > row.updated_at

    def test_update_renews_what_has_expired(self) -> None:
        create(expires_at=LONG_AGO)
        run("add", ONE, "--expires=7d", "--update")
        assert allowed(ONE)

    def test_there_but_not_open_is_a_failure(self) -> None:
        create(expires_at=LONG_AGO)
        create(TWO, is_enabled=False)
        told = refusal("add", ONE, TWO)
        assert f"{ONE} in policy 'default' has no effect: it expired 2001-02-0" in told
        assert f"{TWO} in policy 'default' has no effect: it is disabled." in told
        assert "expired" in refusal("add", ONE, "--note=b", "--update")

    def test_there_but_refused_by_its_policy_is_a_failure(self, settings: Any) -> None:
        create("http://one.example")
        assert "'http://one.example' uses http: an attacker" in refusal("add", "http://one.example")

    def test_says_everything_that_is_wrong_once(self) -> None:
        told = refusal("add", f"{ONE}/", " ", "http://one.example", "--policy=opne", "--note=\0")
        assert told.splitlines() == [
            "2 problems; nothing was changed:",
            r"- note: '\x00' has a character that databases cannot store. Remove it.",
            "- origin: The value is empty. Write an origin such as 'https://app.example.com'.",
        ]
        told = refusal("add", f"{ONE}/", TWO, ONE, "--policy=opne")
        assert told.splitlines() == [
            "2 problems; nothing was changed:",
            f"- '{ONE}/' has a path; an origin has none. Write '{ONE}'.",
            "- policy: 'opne' is not a policy in CORS_POLICIES. Did you mean 'open'?",
        ]

    def test_refuses_what_settings_refuse(self) -> None:
        told = refusal("add", "http://one.example")
        assert "'http://one.example' uses http: an attacker" in told
        assert "Write 'https://one.example'" in told
        assert run("add", "http://one.example", "--no-credentials").startswith("Added")

    def test_refuses_a_note_that_is_too_long(self) -> None:
        assert refusal("add", ONE, "--note", 201 * "x").startswith("note: ")

    def test_wrong_settings(self, settings: Any) -> None:
        settings.CORS_POLICIES = {"default": {"ALLOW_ORIGIN": []}}
        assert "CORS_POLICIES is wrong" in refusal("add", ONE)
        assert "Did you mean 'ALLOW_ORIGINS'?" in refusal("list")


@pytest.mark.django_db
class TestRemove:
    def test_closes_and_says_so(self) -> None:
        create()
        create(policy="open")
        assert allowed(ONE)
        assert run("remove", ONE) == f"Removed: {ONE} in policy 'default'.\n"
        assert not allowed(ONE)
        assert allowed(ONE, "/public/hello/")

    def test_reads_origins_as_people_write_them(self) -> None:
        create("https://xn--mnchen-3ya.example", policy="open")
        said = run("remove", "https://münchen.example", "--policy=open")
        assert said == "Removed: https://münchen.example in policy 'open'.\n"
        assert rows() == []

    def test_what_is_missing(self) -> None:
        create()
        create(TWO, policy="open")
        told = refusal("remove", ONE, TWO, "https://three.example")
        assert told.splitlines() == [
            "2 problems; nothing was changed:",
            f"- {TWO} is not in policy 'default'. It is in 'open': choose the policy with "
            "--policy.",
            "- https://three.example is not in policy 'default'. To ignore this, use --missing-ok.",
        ]
        assert run("remove", ONE, TWO, "--missing-ok") == (
            f"Removed: {ONE} in policy 'default'.\nNot found: {TWO} in policy 'default'.\n"
        )
        assert [row[1] for row in rows()] == [TWO]

    def test_a_slip_of_the_pen_never_passes(self) -> None:
        """Whoever tears an environment down would believe it closed."""
        create()
        told = refusal("remove", f"{ONE}/", " ", "--missing-ok")
        assert f"'{ONE}/' has a path; an origin has none. Write '{ONE}'." in told
        assert "The value is empty." in told

    def test_rows_that_no_policy_can_use(self) -> None:
        create_raw("HTTPS://one.example")
        create_raw(TWO, policy="gone")
        run("remove", "HTTPS://one.example")
        run("remove", TWO, "--policy=gone")
        assert rows() == []


@pytest.mark.django_db
class TestList:
    def test_table(self) -> None:
        create("https://xn--mnchen-3ya.example", note="Ann's\x1b[2J", expires_at=FAR_OFF)
        create("https://xn--wgv71a119e.example", note="wide", policy="open")
        create(is_enabled=False)
        create(TWO, expires_at=timezone.now() + datetime.timedelta(days=6, hours=12))
        table, _, rest = run("list").partition("\n\n")
        heading, one, two, munich, japan = table.splitlines()
        assert heading.split() == ["POLICY", "ORIGIN", "STATE", "CREDENTIALS", "NOTE"]
        assert one.split() == ["default", ONE, "disabled", "yes"]
        assert "expires in 6 days" in two
        assert munich.startswith("default  https://münchen.example  ")
        assert re.search(r"expires in 1\d\d", munich)  # years
        assert munich.endswith(r"yes          Ann's\x1b[2J")
        # Two columns for each of 日本語: the next column stands where it stands elsewhere.
        assert japan.index("live") == one.index("disabled") - 3
        assert japan.startswith("open     https://日本語.example")
        assert japan.split()[2:] == ["live", "no", "wide"]
        assert rest == "4 rows: 2 live, 1 expiring, 1 disabled.\n"

    def test_explains_what_no_policy_can_use(self) -> None:
        create_raw("HTTPS://one.example")
        create(TWO, policy="opne")
        create("http://three.example")
        said = run("list")
        assert "3 rows: 1 unknown-policy, 1 refused, 1 unreadable.\n" in said
        assert (
            "HTTPS://one.example in policy 'default': 'HTTPS://one.example' has upper-case letters"
        ) in said
        assert f"{TWO} in policy 'opne': 'opne' is not a policy in CORS_POLICIES." in said
        assert "http://three.example in policy 'default': The row works without cookies" in said
        assert "'http://three.example' uses http" in said

    def test_in_english_whatever_the_project_speaks(self) -> None:
        create("https://one.example", expires_at=LONG_AGO)
        with override("de"):
            said = run("list")
        assert re.search(r"expired [0-9]+\syears ago", said)
        assert "yes" in said

    def test_nothing(self) -> None:
        assert run("list").endswith("\nNo rows.\n")
        assert run("list", "--format=json") == "[]\n"

    def test_for_scripts(self) -> None:
        create("https://xn--mnchen-3ya.example", expires_at=LONG_AGO)
        [item] = json.loads(run("list", "--format=json"))
        assert item == {
            "policy": "default",
            "origin": "https://xn--mnchen-3ya.example",
            "allow_credentials": True,
            "is_enabled": True,
            "expires_at": "2001-02-03T04:05:06+00:00",
            "note": "",
            "state": "expired",
            "why": "",
        }
        [line] = csv.DictReader(io.StringIO(run("list", "--format=csv")))
        assert line == item | {"allow_credentials": "true", "is_enabled": "true"}

    def test_filters(self) -> None:
        create(expires_at=timezone.now() + datetime.timedelta(hours=1))
        create(TWO, policy="open", is_enabled=False)
        create("https://three.example", policy="open")

        def found(*arguments: str) -> list[str]:
            items = json.loads(run("list", "--format=json", *arguments))
            return [item["origin"] for item in items]

        assert found("--policy=open") == ["https://three.example", TWO]
        assert found("--state=live") == [ONE, "https://three.example"]
        assert found("--state=expiring") == [ONE]
        assert found("--state=disabled", "--policy=open") == [TWO]
        assert found("--state=expired") == []

    def test_a_policy_that_is_none(self) -> None:
        assert refusal("list", "--policy=opne") == (
            "'opne' is not a policy in CORS_POLICIES and has no rows. Did you mean 'open'?"
        )
        assert run("list", "--policy=open").endswith("No rows.\n")
        create(policy="gone")
        assert "1 rows" in run("list", "--policy=gone")

    def test_where_unicode_cannot_be_shown(self) -> None:
        create("https://xn--mnchen-3ya.example")
        assert r"https://m\xfcnchen.example" in run("list", stdout=Ascii())

    def test_colours_mark_what_to_look_at(self) -> None:
        create(policy="gone")
        out = Terminal()
        call_command("cors_origins", "list", stdout=out, force_color=True)
        heading, row, *_ = out.getvalue().splitlines()
        assert heading.startswith("\x1b[")
        assert row.startswith("\x1b[")


FILES = {
    "origins.csv": (
        "origin,note,Is_Enabled \n"
        "https://münchen.example,a,FALSE\n"
        '"https://one.example","b, ""c""",true\n'
    ),
    "semicolons.csv": "origin;note;is_enabled\r\n https://münchen.example ;a;false\r\n\r\n"
    '"https://one.example";"b, ""c""";true',
    "origins.json": '[{"origin": "https://münchen.example", "note": "a", "is_enabled": false},\n'
    '{"origin": "https://one.example", "note": "b, \\"c\\""}]',
}


@pytest.mark.django_db
class TestImport:
    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_reads_json_and_csv(self, name: str, encoding: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_text(FILES[name], encoding=encoding, newline="")
        assert run("import", path) == "2 added, 0 changed, 0 unchanged, 0 removed.\n"
        assert rows() == [
            ("default", ONE, True, True, None, 'b, "c"'),
            ("default", "https://xn--mnchen-3ya.example", True, False, None, "a"),
        ]
        assert allowed(ONE)

    def test_twice_is_as_once(self, file: Path) -> None:
        file.write_text(f"origin,note\n{ONE},a\n{TWO},b\n")
        run("import", file)
        token = read_token("default")
        assert run("import", file) == "0 added, 0 changed, 2 unchanged, 0 removed.\n"
        assert read_token("default") == token

    def test_disables_a_row_that_its_policy_refuses(self, file: Path) -> None:
        """Validation must not keep a row enabled."""
        create("http://refused.example")
        create(TWO, policy="gone")
        file.write_text(
            f"policy,origin,is_enabled\ndefault,http://refused.example,false\ngone,{TWO},false\n"
        )
        assert run("import", file) == "0 added, 2 changed, 0 unchanged, 0 removed.\n"
        assert not AllowedOrigin.objects.filter(is_enabled=True).exists()
        file.write_text("policy,origin,is_enabled\ndefault,http://refused.example,true\n")
        assert "uses http" in refusal("import", str(file))

    def test_changes_what_the_file_says_and_no_more(self, file: Path) -> None:
        """An origin that somebody disabled stays disabled, unless the file speaks of that."""
        row = create(is_enabled=False, allow_credentials=False, expires_at=FAR_OFF, note="a")
        file.write_text(f"origin,note\n{ONE},b\n")
        token = read_token("default")
        assert run("import", file) == "0 added, 1 changed, 0 unchanged, 0 removed.\n"
        assert rows() == [("default", ONE, False, False, FAR_OFF, "b")]
        assert read_token("default") != token
        changed = AllowedOrigin.objects.get()
        assert changed.created_at == row.created_at
        assert changed.updated_at > row.updated_at
        file.write_text(f"origin,is_enabled,expires_at\n{ONE},true,\n")
        run("import", file)
        assert rows() == [("default", ONE, False, True, None, "b")]

    def test_dry_run_shows_and_changes_nothing(self, file: Path) -> None:
        create(note="a")
        create(TWO)
        create("https://three.example", allow_credentials=False)
        token, before = read_token("default"), rows()
        file.write_text(
            "origin,note,is_enabled,expires_at\n"
            f"{ONE},b,true,\n{TWO},,true,\nhttps://four.example,,false,2222-02-03T04:05Z\n"
        )
        lines = run("import", file, "--dry-run", "--prune").splitlines()
        assert lines[0] == "- https://three.example in policy 'default', without credentials"
        assert lines[1].startswith("+ https://four.example in policy 'default', disabled, until 22")
        assert lines[2] == f"~ {ONE} in policy 'default': note is 'a', not 'b'"
        assert lines[3] == "Dry run: 1 added, 1 changed, 1 unchanged, 1 removed."
        assert (read_token("default"), rows()) == (token, before)
        # The same is said of what is done, where it is asked for.
        lines[3] = "1 added, 1 changed, 1 unchanged, 1 removed."
        assert run("import", file, "--prune", verbosity=2).splitlines() == lines
        assert [row[1] for row in rows()] == ["https://four.example", ONE, TWO]

    def test_quiet(self, file: Path) -> None:
        file.write_text(f"origin\n{ONE}\n")
        assert run("import", file, verbosity=0) == ""

    def test_prune(self, file: Path) -> None:
        create()
        create(policy="open")
        create(TWO, policy="open")
        file.write_text(f"origin\n{ONE}\n")
        assert run("import", file).endswith(" 0 removed.\n")
        said = run("import", file, "--prune", "--policy=open")
        assert said == "0 added, 0 changed, 1 unchanged, 1 removed.\n"
        assert rows() == [
            ("default", ONE, True, True, None, ""),
            ("open", ONE, True, True, None, ""),
        ]
        run("import", file, "--prune")
        assert rows() == [("default", ONE, True, True, None, "")]

    def test_policy(self, file: Path) -> None:
        file.write_text(f"policy,origin\nopen,{ONE}\ndefault,{TWO}\n")
        assert refusal("import", file, "--policy=open") == (
            f"{file}:3: The row is in policy 'default', but --policy is 'open'. "
            "Remove the row, or its policy. Nothing was changed."
        )

    def test_says_everything_that_is_wrong(self, file: Path, as_json: Path) -> None:
        file.write_text(
            "policy,origin,is_enabled,expires_at,note\n"
            f'default,{ONE},true,,"over\ntwo lines"\n'
            f"default,{TWO}/,true,,\n"
            "\n"
            f"opne,{TWO},yes,soon,\n"
            f"opne,{TWO},true,,\n"
            f"default,{ONE},true,,again\n"
            f"default,{ONE}\n"
            "default,http://three.example,true,,\n"
            f"default,{TWO},true,,{201 * 'x'}\n"
        )
        lines = refusal("import", file).splitlines()
        assert lines[0] == "8 problems; nothing was changed:"
        assert [line.split(": ", 1)[0] for line in lines[1:]] == [
            f"- {file}:{number}" for number in (4, 6, 6, 7, 8, 9, 10, 11)
        ]
        assert [line.split(": ", 1)[1] for line in lines[1:6]] == [
            f"'{TWO}/' has a path; an origin has none. Write '{TWO}'.",
            "is_enabled: 'yes' is not a boolean. Write true or false.",
            "expires_at: 'soon' is not a time. Write a time such as '2030-12-24T18:00+01:00' or a "
            "date such as '2030-12-24'.",
            "policy: 'opne' is not a policy in CORS_POLICIES. Did you mean 'open'?",
            f"'{ONE}' is already on line 2. Remove one of the two.",
        ]
        assert "The row has 2 cells, but there are 5 columns." in lines[6]
        assert "'http://three.example' uses http" in lines[7]
        assert ": note: " in lines[8]

        as_json.write_text(
            f'[\n  {{"origin": "{ONE}",\n   "note": 5}}, {{"origin": "{TWO}", "colour": ""}},\n'
            '  "https://three.example",\n  {"note": "\\ud800"}, {"origin": null}\n]'
        )
        assert refusal("import", as_json).splitlines() == [
            "6 problems; nothing was changed:",
            f"- {as_json}:2: note: 5 is not a string. Write it in quotes.",
            f"- {as_json}:3: Unknown field 'colour'. Choose from policy, origin, "
            "allow_credentials, is_enabled, expires_at, note.",
            f"- {as_json}:4: 'https://three.example' is not an object. "
            'Write {"origin": "https://app.example.com"}.',
            f"- {as_json}:5: origin: The value is empty. Write an origin such as "
            "'https://app.example.com'.",
            f"- {as_json}:5: note: '\\ud800' has a character that databases cannot store. "
            "Remove it.",
            f"- {as_json}:5: origin: None is not a string. Write it in quotes.",
        ]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "1: The first line must name the columns, each once, including origin."),
            (f"note\n{ONE}\n", "1: The first line must name the columns"),
            (f"origin,origin\n{ONE},{ONE}\n", "1: The first line must name the columns"),
            (f"origin,notes\n{ONE},\n", "1: Unknown column 'notes'. Did you mean 'note'?"),
            (
                f'origin\n{ONE}\n"{TWO}',
                "3: This is not CSV from this line on: unexpected end of data.",
            ),
            (f'origin\n"{ONE}"x\n', "2: This is not CSV from this line on: "),
        ],
    )
    def test_what_is_no_csv(self, text: str, why: str, file: Path) -> None:
        file.write_text(text)
        assert refusal("import", file).startswith(f"{file}:{why}")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "1: This is not JSON: Expecting value: line 1 column 1 (char 0). For CSV, use"),
            ('[\n{"origin": }]', "2: This is not JSON: Expecting value"),
            (f"[{5000 * '1'}]", "1: This is not JSON: Exceeds the limit"),
            (
                100_000 * "[",
                "1: The JSON is nested too deeply. Write a list of objects, one for each row.",
            ),
            ('{"origin": 1}', "1: This is not a list. Write [...] around the rows."),
        ],
    )
    def test_what_is_no_json(self, text: str, why: str, as_json: Path) -> None:
        as_json.write_text(text)
        assert refusal("import", as_json).startswith(f"{as_json}:{why}")

    def test_a_value_that_is_nested_too_deep(self) -> None:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        for name in ("origin", "is_enabled", "expires_at"):
            line = batches.read_line(1, {"origin": ONE, name: value}, None)
            assert f"{name}: [[[" in str(line.problems)

    def test_what_is_no_utf_8(self, file: Path) -> None:
        file.write_bytes(b"origin,note\nhttps://one.example,\xfc\n")
        told = refusal("import", file)
        assert told == f"{file}:2: This is not UTF-8. Save the file as UTF-8."

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing.csv"
        assert refusal("import", missing) == (
            f"{missing} cannot be read: No such file or directory."
        )

    def test_what_does_not_tell_its_format(self, tmp_path: Path) -> None:
        path = tmp_path / "origins.txt"
        path.write_text(f"origin\n{ONE}\n")
        assert refusal("import", path) == (
            f"{path}: Unknown format. Use --format json or --format csv."
        )
        assert run("import", path, "--format=csv").startswith("1 added")

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def pipe(text: str) -> None:
            stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="ascii")
            monkeypatch.setattr(sys, "stdin", stdin)

        pipe('[{"origin": "https://münchen.example"}]')
        assert run("import", "-").startswith("1 added")
        pipe("origin\nhttps://münchen.example\n")
        assert run("import", "-", "--format=csv").startswith("0 added, 0 changed, 1 unchanged")
        pipe("[7]")
        assert refusal("import", "-").startswith("standard input:1: 7 is not an object.")

    def test_rows_that_no_policy_can_use_do_not_stand_in_the_way(self, file: Path) -> None:
        """A backup can be compared with the database that it was taken from."""
        create_raw("HTTPS://one.example")
        create(TWO, policy="gone")
        run("export", file)
        assert run("import", file) == "0 added, 0 changed, 2 unchanged, 0 removed.\n"
        AllowedOrigin.objects.all().delete()
        assert refusal("import", file).startswith("2 problems")

    def test_all_or_nothing(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where the database objects late: another process has added the last row."""
        count = batches.BATCH + 1
        origins = [f"https://{number:04}.example" for number in range(count)]
        file.write_text("\n".join(["origin", *origins, ""]))
        create(note="pruned")
        make_plan = batches.make_plan

        def be_overtaken(*args: Any, **kwargs: Any) -> batches.Plan:
            plan = make_plan(*args, **kwargs)
            create(origins[-1])
            return plan

        monkeypatch.setattr(batches, "make_plan", be_overtaken)
        with pytest.raises(CommandError, match="Another process changed the same rows") as told:
            run("import", file, "--prune")
        assert "This command changed nothing. Run it again." in str(told.value)
        assert [row[1] for row in rows()] == [origins[-1], ONE]

    def test_many_rows_take_few_queries(self, file: Path) -> None:
        count = 2000
        origins = [f"https://{number:04}.example" for number in range(count)]

        def queries(note: str, *arguments: str) -> int:
            lines = [f"{origin},{note}" for origin in origins]
            file.write_text("\n".join(["origin,note", *lines]))
            with CaptureQueriesContext(connection) as captured:
                run("import", file, *arguments)
            return len(captured)

        assert queries("a") < count / 10
        savepoint = 2
        assert queries("a") == count / batches.BATCH + savepoint
        assert queries("b") < count / 10
        assert set(AllowedOrigin.objects.values_list("note", flat=True)) == {"b"}
        origins = origins[:1]
        assert queries("b", "--prune") < count / 10
        assert AllowedOrigin.objects.count() == 1

    def test_progress_is_for_those_who_watch(self, file: Path) -> None:
        count = 2 * batches.BATCH
        lines = ["origin", *(f"https://{number:04}.example" for number in range(count)), ""]
        file.write_text("\n".join(lines))
        watched, piped, quiet = Terminal(), io.StringIO(), Terminal()
        run("import", file, stderr=watched)
        shown = watched.getvalue()
        assert f"\rCompared {batches.BATCH:,} of {count:,} rows" in shown
        assert f"\rWritten {count:,} of {count:,} rows" in shown
        assert "\n" not in shown
        assert shown.endswith(" \r")  # nothing of it is left
        run("import", file, stderr=piped)
        assert piped.getvalue() == ""
        run("import", file, stderr=quiet, verbosity=0)
        assert quiet.getvalue() == ""


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''=1"]


@pytest.mark.django_db
class TestExport:
    def test_standard_output_has_nothing_else(self) -> None:
        create("https://xn--mnchen-3ya.example", note="für Ann")
        text = run("export")
        assert text.count("\n") == 3  # a line for each row: good to compare
        assert json.loads(text) == [
            {
                "policy": "default",
                "origin": "https://xn--mnchen-3ya.example",
                "allow_credentials": True,
                "is_enabled": True,
                "expires_at": None,
                "note": "für Ann",
            }
        ]
        assert run("export", "-", "--format=csv") == (
            f"{HEADER}default,https://xn--mnchen-3ya.example,true,true,,für Ann\n"
        )

    def test_file(self, file: Path) -> None:
        create(note="für Ann", policy="open", expires_at=FAR_OFF)
        create(TWO)
        assert run("export", file, "--policy=open") == f"Exported 1 rows to {file}.\n"
        assert file.read_bytes().decode() == (
            f"{HEADER}open,{ONE},true,true,2222-02-03T04:05:06.000789+00:00,für Ann\n"
        )

    def test_order_is_the_same_everywhere(self) -> None:
        for origin in ("https://b.example", "https://a-b.example", "https://a.example"):
            create(origin)
        assert [item["origin"] for item in json.loads(run("export"))] == [
            "https://a-b.example",
            "https://a.example",
            "https://b.example",
        ]

    def test_what_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "origins.csv"
        assert refusal("export", path) == f"{path} cannot be written: No such file or directory."
        assert "Unknown format" in refusal("export", tmp_path / "origins")
        assert "'opne' is not a policy" in refusal("export", "--policy=opne")

    @pytest.mark.parametrize("note", FORMULAS)
    def test_spreadsheets_run_nothing(self, note: str, file: Path) -> None:
        create(note=note)
        before = rows()
        run("export", file)
        with file.open(newline="", encoding="utf-8") as lines:
            [line] = csv.DictReader(lines)
        assert line["note"] == f"'{note}"
        AllowedOrigin.objects.all().delete()
        run("import", file)
        assert rows() == before


hosts = st.from_regex(r"[a-z0-9]{1,8}(-[a-z]{1,4})?\.(example|de)", fullmatch=True)
origins = st.one_of(
    st.builds("https://{}{}".format, hosts, st.sampled_from(["", ":8443", ":*"])),
    st.builds("https://*.{}".format, hosts),
    st.sampled_from(["null", "http://localhost:*", "https://xn--mnchen-3ya.example"]),
)
notes = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
fields = st.tuples(
    st.sampled_from(["default", "open"]),
    origins,
    st.just(False),
    st.booleans(),
    st.none()
    | st.datetimes(LONG_AGO.replace(tzinfo=None), FAR_OFF.replace(tzinfo=None)).map(
        lambda moment: moment.replace(tzinfo=UTC)
    ),
    notes | st.sampled_from(FORMULAS),
)


@pytest.mark.django_db
@pytest.mark.parametrize("format", batches.FORMATS)
@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(fields, max_size=6, unique_by=lambda row: row[:2]))
@example([("default", "https://a.example", False, True, None, "a\r\nb\rc,\"'")])
def test_what_is_exported_comes_back(
    format: str, tmp_path: Path, written: list[tuple[Any, ...]]
) -> None:
    path = tmp_path / f"origins.{format}"
    AllowedOrigin.objects.all().delete()
    AllowedOrigin.objects.bulk_create(
        AllowedOrigin(**dict(zip(batches.FIELDS, row, strict=True))) for row in written
    )
    before = rows()
    run("export", path)
    unchanged = f"0 added, 0 changed, {len(written)} unchanged, 0 removed.\n"
    assert run("import", path, "--prune") == unchanged

    AllowedOrigin.objects.all().delete()
    create("https://not-in-the-file.example")
    run("import", path, "--prune")

    assert rows() == before
    text = path.read_bytes()
    run("export", path)
    assert path.read_bytes() == text


@pytest.fixture
def other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, django_db_setup: None, django_db_blocker: Any
) -> Iterator[str]:
    """An empty database, without any table yet."""
    config = {**connections.settings["default"], "OPTIONS": {}}
    config |= {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "other"}
    monkeypatch.setitem(connections.settings, "other", config)
    with django_db_blocker.unblock():
        yield "other"
        connections["other"].close()
        del connections["other"]


class TestDatabases:
    # Without the mark: with it, Django lets nobody near a database that settings do not name.

    def test_works_on_the_one_that_is_named(self, other: str, file: Path) -> None:
        call_command("migrate", "cors_policy_allowlist", database=other, verbosity=0)
        run("add", ONE, TWO, "--database=other")
        assert [row[1] for row in rows(other)] == [ONE, TWO]
        token = read_token(other)
        assert TWO in run("list", "--database=other")
        run("export", file, "--database=other")
        run("remove", TWO, "--database=other")
        assert [row[1] for row in rows(other)] == [ONE]
        run("add", "https://three.example", "--database=other")
        said = run("import", file, "--database=other", "--prune")
        assert said == "1 added, 0 changed, 1 unchanged, 1 removed.\n"
        assert [row[1] for row in rows(other)] == [ONE, TWO]
        assert read_token(other) != token
        assert rows() == []

    def test_a_table_that_is_missing(self, other: str) -> None:
        with pytest.raises(
            CommandError, match="The database 'other' reported an error: "
        ) as refused:
            run("list", "--database", other)
        assert "no such table" in str(refused.value)
        assert "run 'manage.py migrate' first." in str(refused.value)

    def test_a_database_that_is_none(self) -> None:
        with pytest.raises(CommandError, match="invalid choice: 'nosuch'"):
            run("list", "--database=nosuch")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--format=csv"),
        ("export",),
        ("add", TWO),
        ("disable", ONE),
        ("import", "FILE", "--dry-run"),
    ],
    ids=["table", "csv", "export", "add", "disable", "dry-run"],
)
def test_a_reader_that_stops_early(arguments: tuple[str, ...], file: Path) -> None:
    create()
    file.write_text(f"origin\n{TWO}\n")
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as pipe:
        words = [str(file) if word == "FILE" else word for word in arguments]
        call_command("cors_origins", *words, stdout=pipe)


@pytest.mark.slow
def test_a_deploy_script(tmp_path: Path) -> None:
    """Exit codes, streams, and Django's options on either side of the subcommand."""
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'script.sqlite3'}",
        "PYTHONIOENCODING": "utf-8",
    }

    def manage(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            capture_output=True,
            check=False,
            cwd=Path(__file__).resolve().parents[4],
            encoding="utf-8",
            env=environ,
        )
        return done.returncode, done.stdout, done.stderr

    assert manage("migrate", "-v0") == (0, "", "")
    add = ("cors_origins", "add", ONE, "--expires=7d", "--update")
    code, said, complaint = manage(*add)
    assert (code, said[:6], complaint) == (0, "Added:", "")
    assert manage(*add, "--verbosity=0", "--settings", "tests.settings") == (0, "", "")
    code, said, complaint = manage("cors_origins", "--verbosity=0", "add", f"{ONE}/", "--no-color")
    assert (code, said) == (1, "")
    assert complaint == (
        f"CommandError: '{ONE}/' has a path; an origin has none. Write '{ONE}'. "
        "Nothing was changed.\n"
    )
    assert manage("cors_origins", "-v0", "remove", ONE, "--missing-ok") == (0, "", "")
    code, said, complaint = manage("cors_origins")
    assert (code, said) == (2, "")
    assert "the following arguments are required: SUBCOMMAND" in complaint
    code, said, complaint = manage("cors_origins", "add", "--help")
    assert (code, complaint) == (0, "")
    assert "--expires WHEN" in said
