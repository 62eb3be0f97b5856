"""Changing limits: every change is a row with who, why, old and new; what loosens waits for a second person.

Comes in: new values of one scope, from a form, the API, a file or a command. Goes out: changes that took
effect at once (they let nothing through that was not let through before), changes that wait for their time,
and one approval for all that loosen. Nothing else writes limits: what is written past it leaves a row by a
trigger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction

from brokers.models import BrokerAccount, Instrument
from brokers.postgres import clock
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor
from orders.entry.limits.rules import limit_value
from orders.errors import OrderError
from orders.models import AccountLimit, Approval, ApprovalKind, LimitChange, Scope, ScopeLimit
from orders.risk.catalogue import ACCOUNT_ONLY, CATALOGUE, LimitField, LimitValue, Unit
from orders.risk.scopes import ScopeKind, is_account, parse_scope

INSTRUMENTS = LimitField(
    name="allowed_instruments",
    unit=Unit.WORDS,
    label="allowed instruments",
    description="Beside these nothing may be traded, unless any instrument may. By number.",
    code="INSTRUMENT_NOT_ALLOWED",
    scopes=ACCOUNT_ONLY,
    per_order=True,
)
CHANGEABLE = {each.name: each for each in (*CATALOGUE, INSTRUMENTS)}
#: Without these an account has no limits, and may order nothing.
NEEDED = ("max_order_qty", "max_notional")
#: While this is set a change of a limit has its row already.
KNOWN_CHANGE = "SELECT set_config('tradedesk.limit_change', %s, true)"

Row = AccountLimit | ScopeLimit
Values = dict[str, LimitValue]


class LimitsInvalid(OrderError):
    """The change is none that could be made; nothing was stored."""

    code = "INVALID"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {texts[0]}" for name, texts in errors.items()))
        self.errors = errors


class LimitsMoved(OrderError):
    """The limits have changed since they were read; the text says what."""

    code = "VERSION_MOVED"


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What became of the changes that were asked for together."""

    changes: list[LimitChange] = field(default_factory=list)
    approval: Approval | None = None

    @property
    def outcome(self) -> str:
        """In words for a person."""
        if not self.changes:
            return "Nothing was changed."
        done = [change for change in self.changes if change.applied_at]
        later = [change for change in self.changes if not change.applied_at and not change.approval_id]
        waiting = len(self.changes) - len(done) - len(later)
        told = [
            (done, f"In force: {', '.join(change.field for change in done)}."),
            (later, f"Waiting for their time: {', '.join(change.field for change in later)}."),
            (waiting, f"{waiting} of the changes wait for a second person's approval."),
        ]
        return " ".join(text for there, text in told if there)


def accounts_of_scope(scope: str) -> list[str]:
    """The accounts that a scope concerns; none for one that goes across the firm."""
    kind, name = parse_scope(scope)
    return [name] if kind == ScopeKind.ACCOUNT else []


@transaction.atomic
def propose_limits(
    scope: str,
    values: Mapping[str, object],
    *,
    actor: Actor,
    reason: str,
    from_when: datetime | None = None,
    seen_version: int | None = None,
) -> Proposed:
    """Change these limits of a scope: at once what tightens, after approval what loosens.

    Raises LimitsInvalid, NotAllowed, and LimitsMoved when `seen_version` is not that of the limits any more.
    """
    wanted = read_values(scope, values)
    actor.require(Scope.RISK, accounts_of_scope(scope))
    row = locked_row(scope)
    if row is not None and seen_version not in (None, row.version):
        raise LimitsMoved(what_moved(scope, int(seen_version or 0)))
    now = values_of(row)
    changed = {name: value for name, value in wanted.items() if value != now[name]}
    require_whole(scope, row, now | changed)
    made = [_change(scope, name, now[name], changed[name], actor, reason, from_when) for name in changed]
    loose = [change for change in made if needs_two(ApprovalKind.LIMITS) and not _tightens(row, change)]
    approval = _approval(loose, actor, reason) if loose else None
    for change in made:
        change.approval = approval if change in loose else None
    LimitChange.objects.bulk_create(made)
    apply_changes([change for change in made if change.approval is None])
    return Proposed(changes=made, approval=approval)


def read_values(scope: str, values: Mapping[str, object]) -> Values:
    """The checked values; raises LimitsInvalid naming each that is wrong."""
    errors: dict[str, list[str]] = {}
    read: Values = {}
    kind = kind_of(scope)
    for name, raw in values.items():
        limit = CHANGEABLE.get(name)
        try:
            if limit is None:
                raise ValueError("There is no such limit.")
            if kind not in limit.scopes:
                raise ValueError(f"This limit cannot be set for a scope of kind {kind}.")
            read[name] = limit.read(raw)
            if limit is INSTRUMENTS:
                _require_instruments(read[name])
        except ValueError as error:
            errors[name] = [str(error)]
    if errors:
        raise LimitsInvalid(errors)
    return read


def kind_of(scope: str) -> ScopeKind:
    """The kind of a scope that exists and may have limits; raises LimitsInvalid."""
    try:
        kind, name = parse_scope(scope)
    except ValueError as error:
        raise LimitsInvalid({"scope": [str(error)]}) from None
    problem = ""
    if kind == ScopeKind.SESSION:
        problem = "A session has no limits."
    elif kind == ScopeKind.ACCOUNT and not BrokerAccount.objects.filter(pk=name).exists():
        problem = f"There is no account {name}."
    elif kind == ScopeKind.USER and not User.objects.filter(username=name).exists():
        problem = f"There is no user {name}."
    elif kind == ScopeKind.STRATEGY and not (len(name) <= 32 and name.isprintable()):
        problem = "There can be no such strategy."
    if problem:
        raise LimitsInvalid({"scope": [problem]})
    return kind


def _require_instruments(named: LimitValue) -> None:
    numbers = [text for text in named if text.isascii() and text.isdigit()]  # type: ignore[union-attr]
    wrong = isinstance(named, frozenset) and len(numbers) != len(named)
    if wrong or Instrument.objects.filter(pk__in=numbers).count() != len(numbers):
        raise ValueError("Name known instruments by their numbers.")


def require_whole(scope: str, row: Row | None, values: Values) -> None:
    """Raise LimitsInvalid for values that cannot be checked together."""
    errors: dict[str, list[str]] = {}
    if is_account(scope):
        for name in NEEDED:
            if values[name] is None:
                errors[name] = ["An account cannot be without it."]
    in_money = (each.name for each in CATALOGUE if each.unit == Unit.MONEY and not each.per_order)
    if not values["currency"] and (found := [name for name in in_money if values[name] is not None]):
        errors[found[0]] = ["Set the currency of the money limits first, or with it."]
    if errors:
        raise LimitsInvalid(errors)


def row_of(scope: str) -> Row | None:
    """The limits of a scope; None where it has none."""
    kind, name = parse_scope(scope)
    if kind == ScopeKind.ACCOUNT:
        return AccountLimit.objects.filter(account=name).first()
    return ScopeLimit.objects.filter(scope=scope).first()


def locked_row(scope: str) -> Row | None:
    """The same, locked for a change of it; two that change one scope wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7412, hashtext(%s))", [scope])
    return row_of(scope)


def values_of(row: Row | None) -> Values:
    """What is in force; every limit off without a row."""
    values: Values = {each.name: limit_value(row, each.name) for each in CATALOGUE}
    listed = row.allowed_instruments.values_list("pk", flat=True) if isinstance(row, AccountLimit) else ()
    return values | {INSTRUMENTS.name: frozenset(map(str, listed))}


def what_moved(scope: str, seen_version: int) -> str:
    """What was changed since a version of the limits was read."""
    since = LimitChange.objects.filter(scope=scope, version__gt=seen_version).order_by("id")
    changes = ", ".join(f"{change.field} {_arrow(change)} by {change.maker}" for change in since[:10])
    return f"Changed since you read it: {changes or 'the limits'}. Nothing was stored; decide again."


def _arrow(change: LimitChange) -> str:
    return f"{change.old or 'off'} -> {change.new or 'off'}"


def _change(
    scope: str,
    name: str,
    old: LimitValue,
    new: LimitValue,
    actor: Actor,
    reason: str,
    from_when: datetime | None,
) -> LimitChange:
    limit = CHANGEABLE[name]
    later = from_when if from_when and from_when > clock.now() else None
    return LimitChange(
        scope=scope,
        field=name,
        old=limit.text(old),
        new=limit.text(new),
        reason=reason,
        maker=actor.name,
        from_when=later,
    )


def _tightens(row: Row | None, change: LimitChange) -> bool:
    """Whether it lets nothing more through; the first limits of an account let everything through."""
    if row is None and is_account(change.scope):
        return False
    limit = CHANGEABLE[change.field]
    return limit.tightens(limit.read(change.old), limit.read(change.new))


def _approval(changes: Sequence[LimitChange], actor: Actor, reason: str) -> Approval:
    scopes = sorted({change.scope for change in changes})
    diff = [
        {"what": f"{change.scope} {change.field}", "old": shown(change, "old"), "new": shown(change, "new")}
        for change in changes
    ]
    several = any(not accounts_of_scope(scope) for scope in scopes)
    return propose(
        ApprovalKind.LIMITS,
        title=f"Limits of {', '.join(scopes)}",
        diff=diff,
        payload={},
        accounts=[] if several else [code for scope in scopes for code in accounts_of_scope(scope)],
        actor=actor,
        reason=reason,
    )


def shown(change: LimitChange, side: str) -> str:
    """One side of a change for people: instruments by name, no value as a word."""
    text: str = getattr(change, side)
    if change.field == INSTRUMENTS.name and text:
        return ", ".join(sorted(str(found) for found in Instrument.objects.filter(pk__in=text.split())))
    return text or "none"


def apply_changes(changes: Iterable[LimitChange]) -> None:
    """Put those into force whose time has come, in the transaction that decided about them."""
    due = [change for change in changes if change.from_when is None or change.from_when <= clock.now()]
    for scope in sorted({change.scope for change in due}):
        _apply(scope, [change for change in due if change.scope == scope])


def _apply(scope: str, changes: Sequence[LimitChange]) -> None:
    row = locked_row(scope) or _new_row(scope)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_CHANGE, ["on"])
        for change in changes:
            value = CHANGEABLE[change.field].read(change.new)
            if change.field != INSTRUMENTS.name:
                setattr(row, change.field, sorted(value) if isinstance(value, frozenset) else value)
        row.save()
        for change in changes:
            if change.field == INSTRUMENTS.name and isinstance(row, AccountLimit):
                row.allowed_instruments.set(map(int, change.new.split()))
        cursor.execute(KNOWN_CHANGE, [""])
    row.refresh_from_db(fields=["version"])
    for change in changes:
        change.applied_at, change.version = clock.now(), row.version
    LimitChange.objects.bulk_update(changes, ["applied_at", "version"])


def _new_row(scope: str) -> Row:
    kind, name = parse_scope(scope)
    return AccountLimit(account_id=name) if kind == ScopeKind.ACCOUNT else ScopeLimit(scope=scope)


def apply_due() -> int:
    """Put into force what was decided and whose time has come; how many. What does not fit is given up."""
    waiting = LimitChange.objects.filter(applied_at=None, outcome="", from_when__lte=clock.now())
    ready = waiting.filter(approval=None) | waiting.filter(approved_at__isnull=False)
    done = 0
    for scope in sorted(set(ready.values_list("scope", flat=True))):
        with transaction.atomic():
            row = locked_row(scope)
            changes = list(ready.filter(scope=scope).order_by("id"))
            now = values_of(row)
            fitting = [change for change in changes if not _moved(now[change.field], change)]
            apply_changes(fitting)
            done += len(fitting)
            for change in changes:
                if change not in fitting:
                    change.outcome = "Given up: the limit was changed meanwhile."
                    change.save(update_fields=["outcome"])
    return done


def _moved(now: LimitValue, change: LimitChange) -> bool:
    """Whether the limit is not any more what was decided upon; what still tightens does no harm."""
    limit = CHANGEABLE[change.field]
    return limit.text(now) != change.old and not limit.tightens(now, limit.read(change.new))


class LimitsAct(Act):
    """Changes of limits that loosen."""

    kind = ApprovalKind.LIMITS

    def why_outdated(self, approval: Approval) -> str:
        """The old values must still be what the approver sees."""
        for change in approval.limit_changes.all():
            now = CHANGEABLE[change.field].text(values_of(locked_row(change.scope))[change.field])
            if now != change.old:
                return f"{change.scope} {change.field} is {now or 'off'} now, not {change.old or 'off'}."
        return ""

    def carry_out(self, approval: Approval) -> str:
        """Put them into force, now or at their time."""
        changes = list(approval.limit_changes.all())
        for change in changes:
            change.approved_at, change.approver = clock.now(), approval.decided_by
        LimitChange.objects.bulk_update(changes, ["approved_at", "approver"])
        for scope in sorted({change.scope for change in changes}):
            mine = {change.field: change.new for change in changes if change.scope == scope}
            row = locked_row(scope)
            require_whole(scope, row, values_of(row) | read_values(scope, mine))
        apply_changes(changes)
        waiting = [change for change in changes if not change.applied_at]
        return f"In force from {waiting[0].from_when:%Y-%m-%d %H:%M} UTC." if waiting else "In force."

    def drop(self, approval: Approval) -> None:
        """They were not approved."""
        approval.limit_changes.update(outcome="Not approved.")
