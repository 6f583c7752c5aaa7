"""The rows that the page "Allow refused origins" proposes."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cors_policy.explain.ownership import open_suffix
from django_cors_policy.policy import Policy, Ruling

from ..batches import Line, Plan
from ..models import AllowedOrigin, RefusedOrigin
from ..rows import shown
from ..states import State, known_policies, misfit
from .base import database
from .english import in_english
from .forms import describe_policy
from .many import RowForms, plan_additions
from .refused_state import allows, last_request, rule_last_request

REHEARSED = gettext_lazy(
    "The policy already allows the origin. Only REPORT_ONLY refuses it. With this row, REPORT_ONLY "
    "allows it too."
)


class Proposal(NamedTuple):
    """The rows to add for the refused origins of one policy."""

    policy: str
    plan: Plan
    left_out: list[Line]


def propose(refused: Iterable[RefusedOrigin], row_forms: RowForms) -> list[Proposal]:
    """Return the proposals for these entries, sorted by policy. This writes nothing."""
    policies = known_policies()
    proposals = []
    in_order = sorted(refused, key=attrgetter("policy", "is_rehearsal", "origin"))
    for alias, rows in itertools.groupby(in_order, attrgetter("policy")):
        wanted: dict[str, Line] = {}
        rehearsed: dict[str, Line] = {}
        left_out: list[Line] = []
        for row in rows:
            line = row_forms.line(0, shown(row.origin), row.origin, policy=alias)
            line.remarks.insert(0, _evidence(row))
            if not line.problems and line.row.policy != alias:
                remark = _(
                    "The origin needs a row in this policy, but you do not have permission to "
                    "choose the policy."
                )
                line.remarks.append(remark)
                left_out.append(line)
                continue
            ruling = rule_last_request(row)
            if reason := _why_no_row_counts(ruling, alias):
                line.remarks.append(reason)
            if not row.is_rehearsal:
                wanted[row.origin] = line
            elif reason := reason or _why_no_row_helps(ruling, row.origin, line.row):
                line.remarks[1:] = [reason]
                left_out.append(line)
            else:
                rehearsed[row.origin] = wanted.pop(row.origin, line)
        plan = plan_additions([*wanted.values(), *rehearsed.values()], database())
        policy = policies.get(alias)
        for line in plan.added:
            if line is rehearsed.get(line.row.origin):
                # The plan's remarks are about the policy in force, not about REPORT_ONLY.
                line.remarks[1:] = [str(REHEARSED)]
            if condition := _only_if_yours(line.row.origin, policy):
                line.remarks.insert(1, condition)
        title = describe_policy(policy) if policy is not None else alias
        proposals.append(Proposal(title, plan, left_out))
    return proposals


def additions(proposals: Iterable[Proposal]) -> list[Line]:
    """Return the lines of all rows to add."""
    return [line for proposal in proposals for line in proposal.plan.added]


def fingerprint(lines: Iterable[Line]) -> str:
    """Return a text that is the same if and only if policies and origins are the same."""
    rows = sorted((line.row.policy, line.row.origin) for line in lines)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _only_if_yours(origin: str, policy: Policy | None) -> str:
    """Return a warning if the origin can belong to a stranger; empty if it cannot.

    The check is the one for the fixes that "Test a request" offers.
    """
    suffix = open_suffix(origin, policy)
    if not suffix:
        return ""
    text = _("Add it only if %(origin)s is yours, because anyone can get a name below %(suffix)s.")
    return text % {"origin": shown(origin), "suffix": suffix}


def _why_no_row_counts(ruling: Ruling | None, alias: str) -> str:
    if ruling is None or ruling.policy.rows_alias == alias:
        return ""
    remark = _("Rows of this policy have no effect at that path, because of %(reason)s.")
    return remark % {"reason": ruling.reason}


def _why_no_row_helps(ruling: Ruling | None, origin: str, row: AllowedOrigin) -> str:
    """Return why a row would not make REPORT_ONLY allow its origin; empty if it would."""
    rehearsal = ruling.policy.rehearsal if ruling is not None else None
    if rehearsal is None:
        return _("No REPORT_ONLY applies to the last path now.")
    if allows(rehearsal, origin):
        return _(
            "REPORT_ONLY already allows the origin, but not the method, a header or credentials."
        )
    found = misfit({row.policy: rehearsal}, row.policy, row.origin, row.allow_credentials)
    if found is not None and found[0] is State.REFUSED:  # the plan reports other problems
        return in_english(f"REPORT_ONLY: {found[1]}")
    return ""


def _evidence(row: RefusedOrigin) -> str:
    text = ngettext(
        "Refused %(count)s time, last for %(request)s.",
        "Refused %(count)s times, last for %(request)s.",
        row.count,
    )
    return text % {"count": localize(row.count), "request": last_request(row)}
