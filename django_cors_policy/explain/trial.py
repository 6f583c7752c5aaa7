"""Try each fix before it is offered: apply it to a copy of the project, and play the call again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from django_cors_policy.browser import Call
from django_cors_policy.conf import compile_book
from django_cors_policy.decorators import Declaration, DecoratorPlace
from django_cors_policy.exceptions import PolicyErrors
from django_cors_policy.hooks import UnreadableRows
from django_cors_policy.policy import Grant, Policy, PolicyBook
from django_cors_policy.view_policies import derive_policy

from .causes import find_cause, find_cause_in_script
from .cookies import explain_cookies
from .findings import Finding, Fix
from .fixes import Change, PlannedChange, Proposal, refused_because
from .notes import find_notes
from .playback import Step, play
from .project import Changed, changed_project, project_book
from .rows import plan_row
from .target import Target


@dataclass(frozen=True)
class Diagnosis:
    """The requests of a call, and what is found about them."""

    steps: Sequence[Step]
    cause: Finding | None
    notes: tuple[Finding, ...]
    cookies: str

    @property
    def may_send(self) -> bool:
        return any(step.kind == "request" for step in self.steps)

    @property
    def may_read(self) -> bool:
        return bool(self.steps) and _may_read(self.steps[-1])


def diagnose(call: Call, target: Target, reads: Sequence[str]) -> Diagnosis:
    """Play the call, and find out what blocks it and what may surprise. No fix is tried yet."""
    cause = find_cause_in_script(call, target)
    steps = list(play(call, target)) if cause is None else []
    if steps:
        cause = find_cause(steps)
    may_read = bool(steps) and _may_read(steps[-1])
    notes = list(find_notes(call, steps, may_read=may_read, is_allowed=cause is None, reads=reads))
    may_send = any(step.kind == "request" for step in steps)
    cookies, cookie_note = explain_cookies(call, target, may_send=may_send)
    if cookie_note is not None:
        notes.append(cookie_note)
    wanted = (note for note in notes if cause is None or note.code != cause.code)
    return Diagnosis(steps, cause, tuple(wanted), cookies)


def _may_read(step: Step) -> bool:
    return step.kind == "request" and step.failure is None


def keep_fixes_that_work(
    diagnosis: Diagnosis, call: Call, target: Target, reads: Sequence[str]
) -> Diagnosis:
    """Return the diagnosis with the fixes that work, and with those that cannot be tried."""

    def try_fixes(finding: Finding) -> Finding:
        trial = _Trial(finding, diagnosis.cause, call, target, reads)
        return replace(finding, fixes=trial.keep(finding.fixes))

    cause = try_fixes(diagnosis.cause) if diagnosis.cause is not None else None
    return replace(diagnosis, cause=cause, notes=tuple(map(try_fixes, diagnosis.notes)))


class _Refused(Exception):
    """The project refuses the change, for these reasons."""

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class _Trial:
    """Tries the fixes of ``finding``. ``cause`` is what blocks the call as it is."""

    finding: Finding
    cause: Finding | None
    call: Call
    target: Target
    reads: Sequence[str]

    def keep(self, fixes: Iterable[Fix]) -> tuple[Fix, ...]:
        kept: list[Fix] = []
        reasons: dict[str, None] = {}
        for fix in fixes:
            change = fix.change if isinstance(fix, Proposal) else None
            plain = Fix(fix.where, fix.lines, fix.text, fix.code, fix.is_guess)
            try:
                if change is None or self._works(change):
                    kept.append(plain)
            except UnreadableRows:
                kept.append(replace(plain, is_guess=True))
            except _Refused as refused:
                reasons |= dict.fromkeys(refused.reasons)
        if reasons and all(fix.where != "server" for fix in kept):
            kept.append(self.keep([refused_because(*reasons)])[0])
        return tuple(kept)

    def _works(self, change: Change) -> bool:
        """Whether the finding is gone after ``change``, and nothing new blocks an allowed call."""
        call = replace(self.call, **change.call)
        changed = Changed(change.settings, _changed_book(change, call.origin))
        with changed_project(changed):
            after = diagnose(call, change.target or self.target, self.reads)
        if self.finding is self.cause:
            # Another cause can appear after it: a call can have several mistakes.
            return after.cause is None or after.cause.code != self.cause.code
        found = [(note.code, note.text) for note in after.notes]
        is_worse = after.cause is not None and self.cause is None
        return not is_worse and (self.finding.code, self.finding.text) not in found


def _changed_book(change: Change, origin: str) -> PolicyBook | None:
    """Return the policies with ``change``; None if it changes none of them."""
    if change.row is not None:
        return _book_with_row(change.row, origin)
    if not change.policies and change.decorator is None:
        return None
    configs = {alias: policy.config for alias, policy in project_book().policies.items()}
    for alias, keys in change.policies.items():
        configs[alias] = {**configs.get(alias, {}), **keys}
    try:
        book = compile_book(configs)
        if change.decorator is not None:
            declaration, overrides = change.decorator
            _change_decorator(book, declaration, overrides)
    except PolicyErrors as refused:
        raise _Refused(map(str, refused.errors)) from refused
    return book


def _change_decorator(book: PolicyBook, old: Declaration, overrides: Mapping[str, object]) -> None:
    """Let ``book`` take the decorator as if it also had ``overrides``."""
    new = Declaration(old.alias, old.name, {**old.overrides, **overrides})
    book.derived[old, True] = derive_policy(book, new, "")


def _book_with_row(row: PlannedChange, origin: str) -> PolicyBook:
    policy = row.policy
    planned = plan_row(policy, row.change, origin)
    if planned.grant is None:
        raise _Refused(planned.problems)
    values = {field.name: getattr(policy, field.name) for field in fields(Policy) if field.init}
    with_row = _PolicyWithRow(**values, row_origin=origin, row_grant=planned.grant)
    policies = dict(project_book().policies)
    place = policy.place
    if not isinstance(place, DecoratorPlace):
        policies[policy.alias] = with_row
    book = PolicyBook(policies)
    if isinstance(place, DecoratorPlace):
        book.derived[place.declaration, True] = with_row
    return book


@dataclass(frozen=True, eq=False)
class _PolicyWithRow(Policy):
    """A policy that grants one more origin, as the planned row does."""

    row_origin: str = ""
    row_grant: Grant | None = None

    def grant_for(self, origin: str) -> Grant | None:
        grant = super().grant_for(origin)
        return self.row_grant if grant is None and origin == self.row_origin else grant
