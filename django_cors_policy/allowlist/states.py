"""What a row does and why, in words for whoever looks after the list."""

from __future__ import annotations

import datetime
import enum
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import models
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cors_policy.conf import DEFAULT_ALIAS, PolicyBook, policy_book
from django_cors_policy.exceptions import PolicyError, PolicyErrors
from django_cors_policy.fetch import NULL
from django_cors_policy.origins import (
    ANY_PORT,
    MOST_COMPARED,
    OriginMatcher,
    OriginPattern,
    parse_origin,
    registrable_domain,
    split_origin,
)
from django_cors_policy.policy import Place, Policy, did_you_mean
from django_cors_policy.resolution import declarations, derive_policy
from django_cors_policy.sources import Row

from .database import allowlist_database
from .models import (
    AllowedOrigin,
    AllowedOriginQuerySet,
    as_people_write,
    parse_row,
    read_row,
    row_problems,
)

SOON = datetime.timedelta(days=7)
# Where SQL cannot tell, rows are looked at one by one, or named one by one: so many at most.
MOST_ROWS = 10_000
# A remark names so many rows.
MOST_NAMED = 5
# Of the views with credentials of their own so many are named.
MOST_VIEWS = 2
# At most this many names of wildcards are looked up. For more, one query reads all wildcards.
MOST_LOOKED_UP = 10_000

# They stand for "any label" and "any port": nobody allows just these.
SAMPLE_LABEL = "any-name-at-all"
SAMPLE_PORT = "54321"


class State(str, enum.Enum):
    """What becomes of a row. The first one that applies, in the order of ``judge``."""

    LIVE = "live"
    EXPIRING = "expiring"
    DISABLED = "disabled"
    EXPIRED = "expired"
    UNKNOWN_POLICY = "unknown-policy"
    REFUSED = "refused"
    UNREADABLE = "unreadable"

    @property
    def is_live(self) -> bool:
        return self in (State.LIVE, State.EXPIRING)


LABELS = {
    State.LIVE: gettext_lazy("live"),
    State.EXPIRING: gettext_lazy("expires within 7 days"),
    State.DISABLED: gettext_lazy("disabled"),
    State.EXPIRED: gettext_lazy("expired"),
    State.UNKNOWN_POLICY: gettext_lazy("unknown policy"),
    State.REFUSED: gettext_lazy("refused by its policy"),
    State.UNREADABLE: gettext_lazy("unreadable"),
}


@dataclass(frozen=True)
class Standing:
    """A state, what to call it, and why it is so where that does not say it."""

    state: State
    text: str
    why: str = ""


def known_policies() -> Mapping[str, Policy]:
    """The policies of settings; none where these are wrong, which the system checks tell."""
    try:
        return policy_book().policies
    except PolicyErrors:
        return {}


def judge(row: AllowedOrigin) -> Standing:
    """What becomes of ``row`` now."""
    now = timezone.now()
    if not row.is_enabled:
        return Standing(State.DISABLED, _("disabled"))
    if row.expires_at is not None and row.expires_at <= now:
        ago = timesince(row.expires_at, now, depth=1)
        return Standing(State.EXPIRED, _("expired %(time)s ago") % {"time": ago})
    policies = known_policies()
    misfit = _misfit(policies, row.policy, row.origin, row.allow_credentials)
    if misfit is not None:
        state, why = misfit
        return Standing(state, str(LABELS[state]), why)
    why = _("The policy allows any origin already.") if policies[row.policy].any_origin else ""
    if row.expires_at is None:
        return Standing(State.LIVE, _("live"), why)
    state = State.EXPIRING if row.expires_at <= now + SOON else State.LIVE
    left = timeuntil(row.expires_at, now, depth=1)
    return Standing(state, _("expires in %(time)s") % {"time": left}, why)


def with_state(rows: AllowedOriginQuerySet, state: State) -> AllowedOriginQuerySet:
    """Those of ``rows`` that ``judge`` finds in ``state``; ``LIVE`` includes ``EXPIRING``."""
    now = timezone.now()
    policies = known_policies()
    if state == State.DISABLED:
        rows = rows.filter(is_enabled=False)
    elif state == State.EXPIRED:
        rows = rows.filter(is_enabled=True, expires_at__lte=now)
    elif state == State.UNKNOWN_POLICY:
        rows = rows.filter(_in_force(now)).exclude(policy__in=policies)
    else:
        rows = rows.filter(_in_force(now), policy__in=policies)
        if state == State.EXPIRING:
            rows = rows.filter(expires_at__lte=now + SOON)
        misfits = dict(_misfits(rows, policies))
        if state.is_live:
            rows = rows.exclude(pk__in=misfits)
        else:
            rows = rows.filter(pk__in=[pk for pk, found in misfits.items() if found == state])
    return rows


def _in_force(now: datetime.datetime) -> models.Q:
    not_over = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
    return models.Q(not_over, is_enabled=True)


def _misfits(
    rows: AllowedOriginQuerySet, policies: Mapping[str, Policy]
) -> Iterator[tuple[int, State]]:
    values = rows.order_by().values_list("pk", "policy", "origin", "allow_credentials")
    found = (
        (pk, misfit[0])
        for pk, alias, origin, credentials in values.iterator(chunk_size=2000)
        if (misfit := _misfit(policies, alias, origin, credentials)) is not None
    )
    return itertools.islice(found, MOST_ROWS)


def _misfit(
    policies: Mapping[str, Policy], alias: str, origin: str, allow_credentials: bool
) -> tuple[State, str] | None:
    """Why no policy can use a row, if so."""
    policy = policies.get(alias)
    if policy is None:
        why = _("%(policy)r is no policy in CORS_POLICIES. %(hint)s")
        return State.UNKNOWN_POLICY, why % {
            "policy": alias,
            "hint": did_you_mean(alias, policies),
        }
    try:
        entry = read_row(origin)
    except PolicyError as error:
        return State.UNREADABLE, f"{error.message} {error.hint}"
    problems = row_problems(entry, policy, allow_credentials)
    if problems:
        return State.REFUSED, " ".join(f"{problem.message} {problem.hint}" for problem in problems)
    return None


def remarks(row: AllowedOrigin) -> Iterator[str]:
    """What somebody who has just saved ``row`` may not have expected."""
    standing = judge(row)
    policy = known_policies().get(row.policy)
    if policy is None:
        return
    if standing.state == State.EXPIRED:
        yield _("The row has no effect: it has expired already.")
    if not is_used(policy):
        yield _(
            "Nothing uses the policy “%(policy)s”: it names no PATHS, and no decorator in the "
            "URLconf asks for it. Until one does, the row has no effect."
        ) % {"policy": policy.alias}
    if not standing.state.is_live:
        return
    entry = parse_row(row.origin)
    if reason := allowed_by_settings(policy, entry):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
        return
    if not policy.allow_credentials and (views := views_that_add_credentials(row)):
        yield _(
            "The policy “%(policy)s” has no credentials, but a decorator allows the origin to use "
            "them on %(views)s. To block that, untick “allow credentials”."
        ) % {"policy": policy.alias, "views": named(views)}
    if reason := Wildcards.over([row], policy).reason_against(row):
        yield _("The row changes nothing: %(reason)s") % {"reason": reason}
    redundant = list(itertools.islice(_redundant_beside(row, entry, policy), MOST_NAMED + 1))
    if redundant:
        names = ", ".join(map(str, redundant[:MOST_NAMED]))
        if len(redundant) > MOST_NAMED:
            names = _("%(origins)s and more") % {"origins": names}
        yield ngettext(
            "The row covers another one, which changes nothing now: %(origins)s.",
            "The row covers others, which change nothing now: %(origins)s.",
            len(redundant),
        ) % {"origins": names}


# --- Credentials ---------------------------------------------------------------------------------


def describe_credentials(row: AllowedOrigin) -> str:
    """Whether pages from there may send cookies and logins; a dash if the policy is unknown."""
    policy = known_policies().get(row.policy)
    if policy is None:
        return "-"
    if policy.allow_credentials and row.allow_credentials:
        return _("yes")
    views = views_that_add_credentials(row)
    return _("no, but yes on %(views)s") % {"views": named(views)} if views else _("no")


def views_that_add_credentials(row: AllowedOrigin | None = None) -> list[str]:
    """The views whose decorators allow credentials, though the policy of their rows does not.

    With ``row``: those that the row lets in with credentials. A decorator refuses the risks that
    settings refuse, so a row for plain http is not let in there at all.
    """
    added = _added_credentials()
    if row is None:
        return [on for policies in added.values() for _policy, on in policies]
    if row.policy not in added or not row.allow_credentials:
        return []
    return _views_that_take(row.origin, added[row.policy])


def _views_that_take(origin: str, decorated: Iterable[tuple[Policy, str]]) -> list[str]:
    try:
        entry = read_row(origin)
    except PolicyError:
        return []
    return [on for policy, on in decorated if not row_problems(entry, policy, True)]


def with_credentials(rows: AllowedOriginQuerySet, value: str) -> AllowedOriginQuerySet:
    """Those of ``rows`` with credentials: "yes" by their policy, "views" by decorators alone, "no".

    As ``describe_credentials`` says it.
    """
    policies = known_policies().values()
    by_policy = models.Q(
        allow_credentials=True, policy__in=[p.alias for p in policies if p.allow_credentials]
    )
    if value == "yes":
        rows = rows.filter(by_policy)
    elif value == "views":
        rows = rows.filter(_by_views_that_add(rows))
    else:
        rows = rows.filter(~by_policy, ~_by_views_that_add(rows))
    return rows


def _by_views_that_add(rows: AllowedOriginQuerySet) -> models.Q:
    """The condition for rows that have credentials on decorated views alone."""
    added = _added_credentials()
    condition = models.Q(allow_credentials=True, policy__in=added)
    if added:
        values = rows.filter(condition).order_by().values_list("pk", "policy", "origin")
        left_out = (
            pk
            for pk, alias, origin in values.iterator(chunk_size=2000)
            if not _views_that_take(origin, added[alias])
        )
        condition &= ~models.Q(pk__in=list(itertools.islice(left_out, MOST_ROWS)))
    return condition


def named(views: Iterable[str]) -> str:
    """The first two of some views, and how many more there are."""
    names = list(dict.fromkeys(views))
    text = ", ".join(names[:MOST_VIEWS])
    if len(names) > MOST_VIEWS:
        more = len(names) - MOST_VIEWS
        text = _("%(views)s and %(count)d more") % {"views": text, "count": more}
    return text


def _added_credentials() -> Mapping[str, Sequence[tuple[Policy, str]]]:
    """By alias: each decorated view that takes the policy's rows and adds credentials to it."""
    try:
        book = policy_book()
    except PolicyErrors:
        return {}
    if not hasattr(settings, "ROOT_URLCONF"):
        return {}
    return _credentials_added_in(book, get_resolver())


# Known until settings change: a page asks for each row. A URLconf that was loaded anew, as tests
# do, has another resolver.
@functools.lru_cache(maxsize=1)
def _credentials_added_in(
    book: PolicyBook, resolver: URLResolver
) -> Mapping[str, Sequence[tuple[Policy, str]]]:
    added: dict[str, list[tuple[Policy, str]]] = {}
    for found in declarations():
        try:
            # A rehearsal changes no answer.
            policy = derive_policy(book, found.declaration, found.on, rehearses=False)
        except PolicyErrors:
            continue  # such a view allows no other origin
        base = book.policies.get(policy.rows_alias or "")
        is_added = base is not None and policy.allow_credentials and not base.allow_credentials
        if is_added and not found.is_hidden:
            added.setdefault(policy.alias, []).append((policy, found.on))
    return added


# --- What changes nothing ------------------------------------------------------------------------


def is_used(policy: Policy) -> bool:
    """Whether any path or decorator leads to the rows of ``policy``."""
    if policy.paths or (policy.paths is None and policy.alias == DEFAULT_ALIAS):
        return True
    return any(
        found.declaration.alias == policy.alias
        and "ALLOW_ORIGINS" not in found.declaration.overrides
        for found in declarations()
    )


def allowed_by_settings(policy: Policy, entry: OriginPattern | str) -> str:
    """Where settings allow all that ``entry`` does, told in a sentence; empty if they do not."""
    if policy.any_origin:
        return _("the policy “%(policy)s” allows any origin.") % {"policy": policy.alias}
    found = [policy.matcher.match(sample) for sample in samples(entry)]
    if None in found:
        return ""
    index = list(map(str, policy.origins)).index(str(found[0]))
    return _("%(place)s allows it already.") % {
        "place": Place(policy.alias).locate("ALLOW_ORIGINS", index)
    }


def entries_that_allow(origin: str) -> list[str]:
    """All that rows can say to allow ``origin``, the most specific first."""
    try:
        exact = parse_origin(origin)
    except PolicyError:
        return []
    labels = exact.host.split(".")
    hosts = [(exact.host, False)]
    hosts += [(".".join(labels[start:]), True) for start in range(1, len(labels))]
    candidates = [
        replace(exact, host=host, subdomains=subdomains, port=port)
        for host, subdomains in hosts
        for port in (exact.port, ANY_PORT)
    ]
    # The matcher has the last word.
    return list(map(str, OriginMatcher(candidates).matches(origin)))


def rows_about(policy: Policy, origin: str) -> list[Row]:
    """Rows that cover ``origin``, live ones first and the most specific before the others.

    After them those that name its host or its neighbourhood, for one of these may have been meant.
    """
    covering = [origin] if origin == NULL else entries_that_allow(origin)
    order = {entry: position for position, entry in enumerate(covering)}
    nearby = models.Q(origin__in=covering[:MOST_ROWS])
    if (parts := split_origin(origin)) is not None:
        nearby |= models.Q(origin__contains=registrable_domain(parts[1]))
    objects = AllowedOrigin.objects.using(allowlist_database())
    found = objects.filter(nearby, policy=policy.rows_alias)[:MOST_COMPARED]
    rows = []
    for row in found:
        standing = judge(row)
        state = " ".join(filter(None, (standing.text, standing.why)))
        allows = row.origin in order
        rows.append(
            Row(row.pk, row.origin, allows, standing.state.is_live, state, standing.state.value)
        )
    return sorted(
        rows,
        key=lambda row: (not row.allows, not row.is_live, order.get(row.entry, 0), row.key),
    )


class Wildcards:
    """The rows of one policy that are in force and may cover others."""

    def __init__(self, policy: Policy, rows: Iterable[AllowedOrigin]) -> None:
        self._policy = policy
        self._rows = {row.origin: row for row in rows}
        self._matcher = OriginMatcher(map(parse_row, self._rows))

    @classmethod
    def over(cls, rows: Iterable[AllowedOrigin], policy: Policy) -> Wildcards:
        """Those over any of ``rows``, which may be new: in the database, and among themselves."""
        rows = list(rows)
        found = _usable_wildcards_over(rows, policy)
        return cls(policy, (*found, *(row for row in rows if "*" in row.origin)))

    def reason_against(self, row: AllowedOrigin) -> str:
        """Why ``row`` changes nothing, told in a sentence; empty if it does."""
        first, *others = (
            dict.fromkeys(map(str, self._matcher.matches(sample)))
            for sample in samples(parse_row(row.origin))
        )
        for origin in first:
            if origin == row.origin or not all(origin in matches for matches in others):
                continue
            # Without the row, the next one would decide.
            wider = self._rows[origin]
            if _is_redundant(row, wider, self._policy):
                return _("the row “%(row)s” allows it already.") % {"row": wider}
            return ""
        return ""


def _usable_wildcards_over(
    rows: Iterable[AllowedOrigin], policy: Policy
) -> Iterator[AllowedOrigin]:
    """At least those wildcards of ``policy`` in the database that cover any of ``rows``."""
    old = AllowedOrigin.objects.filter(policy=policy.alias)
    names: set[str] = set()
    count = 0
    for sample in (sample for row in rows for sample in samples(parse_row(row.origin))):
        entries = entries_that_allow(sample)
        names.update(entry for entry in entries if "*" in entry)
        count += len(entries)
        if count > MOST_LOOKED_UP:
            yield from _usable(old.filter(origin__contains="*"), policy)
            return
    remaining = iter(names)
    # As many values as any database takes.
    while batch := list(itertools.islice(remaining, 500)):
        yield from _usable(old.filter(origin__in=batch), policy)


def _redundant_beside(
    row: AllowedOrigin, entry: OriginPattern | str, policy: Policy
) -> Iterator[AllowedOrigin]:
    """Rows that change nothing because ``row`` is there."""
    if isinstance(entry, str) or entry.is_exact:
        return
    matcher = OriginMatcher([entry])
    rows = AllowedOrigin.objects.filter(policy=policy.alias, origin__contains=entry.host)
    for other in _usable(rows.exclude(pk=row.pk), policy):
        if all(map(matcher.match, samples(parse_row(other.origin)))) and _is_redundant(
            other, row, policy
        ):
            yield other


def _usable(rows: AllowedOriginQuerySet, policy: Policy) -> Iterator[AllowedOrigin]:
    policies = {policy.alias: policy}
    for row in rows.filter(_in_force(timezone.now()))[:MOST_ROWS].iterator(chunk_size=2000):
        if _misfit(policies, row.policy, row.origin, row.allow_credentials) is None:
            yield row


def _is_redundant(row: AllowedOrigin, wider: AllowedOrigin, policy: Policy) -> bool:
    """Whether ``wider``, which covers ``row``, grants as much for at least as long."""
    is_alike = not policy.allow_credentials or row.allow_credentials == wider.allow_credentials
    outlives = wider.expires_at is None or (
        row.expires_at is not None and row.expires_at <= wider.expires_at
    )
    return is_alike and outlives


def samples(entry: OriginPattern | str) -> list[str]:
    """Origins that stand for all that ``entry`` allows: who allows these, allows the others."""
    if isinstance(entry, str):
        return [entry]
    host = f"{SAMPLE_LABEL}.{entry.host}" if entry.subdomains else entry.host
    ports = ("", SAMPLE_PORT) if entry.port == ANY_PORT else (entry.port,)
    return [str(replace(entry, host=host, port=port, subdomains=False)) for port in ports]


def shown(origin: str) -> str:
    """An origin for people to read, and nothing that could deceive them."""
    text = as_people_write(origin)
    return text if text and text.isprintable() else repr(origin)
