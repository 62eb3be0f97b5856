"""What positions and cash were changed by without executions: splits and the ends of options, as totals.

A split is a ratio: what it adds to an account follows, whenever it is asked, from what the account held
before its first day. So an execution or a correction that comes late counts as one that came in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db.models import Case, DateField, Q, QuerySet, Value, When

from brokers.models import BrokerAccount, Instrument, Position
from brokers.postgres import clock
from orders.models import Break, BreakKind, Execution, PositionEvent, PositionEventKind, Split
from orders.models.execution import PX_STEP, WHOLES
from orders.models.trade_date import trade_date
from orders.reconciliation import executed
from orders.reconciliation.totals import ZERO, TradedTotal, sums

#: Without a word of the contract's own place.
NEW_YORK = "America/New_York"
#: After so long a split joins the baseline: nothing before it is corrected any more.
SETTLED_AFTER = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a position and of cash. `counted` is what comes on top of the baseline of it."""

    day: date
    total: TradedTotal
    counted: TradedTotal
    split: Split | None = None


def changes(account: BrokerAccount, after: date | None = None) -> list[Change]:
    """What is not in the account's baseline, and all of the days `after`."""
    wanted = Q(quantity_in_baseline=False) | Q(amount_in_baseline=False)
    wanted = wanted if after is None else wanted | Q(day__gt=after)
    events = [_of_event(one) for one in PositionEvent.objects.filter(wanted, account=account)]
    return [*events, *_of_splits(account, events)]


def _of_event(one: PositionEvent) -> Change:
    def total(quantity: Decimal, amount: Decimal, commission: Decimal) -> TradedTotal:
        return TradedTotal(
            con_id=one.con_id,
            symbol=one.symbol,
            sec_type=one.sec_type,
            currency=one.currency,
            quantity=quantity,
            value=-amount,
            realized=amount,  # of futures: what came in is what they realized
            commission=commission,
            commission_currency=one.currency,
        )

    quantity = ZERO if one.quantity_in_baseline else one.quantity
    amount, cost = (ZERO, ZERO) if one.amount_in_baseline else (one.amount, one.commission)
    return Change(
        day=one.day,
        total=total(one.quantity, one.amount, one.commission),
        counted=total(quantity, amount, cost),
    )


# --- splits ---------------------------------------------------------------------------------------------
def _of_splits(account: BrokerAccount, events: list[Change]) -> list[Change]:
    """What each split that is not in the baseline has added, the earliest first."""
    found: list[Change] = []
    splits = splits_of(account)
    traded = executed.since_baseline(account) if splits else []
    for split in splits:
        found += _effects(split, _held_before(account, split, traded, [*events, *found]))
    return found


def in_effect() -> QuerySet[Split]:
    """Splits whose first day has come, the earliest first: overnight in America, in the morning in Asia."""
    return Split.objects.filter(ex_date__lte=clock.now().date())


def splits_of(account: BrokerAccount) -> list[Split]:
    """Splits whose first day came after the baseline, and that it does not hold yet."""
    if account.baseline_at is None:
        return []
    held = PositionEvent.objects.filter(account=account, split__isnull=False)
    rows = in_effect().exclude(pk__in=held.values("split"))
    return [one for one in rows if one.ex_date > day_at(account.baseline_at, one.con_id)]


def _held_before(
    account: BrokerAccount, split: Split, traded: list[TradedTotal], changed: list[Change]
) -> Decimal:
    """What the account held of the contract at the end of the day before, reckoned back from now."""
    base = Position.objects.filter(account=account, con_id=split.con_id).values_list(
        "baseline_qty", flat=True
    )
    later = Execution.objects.filter(
        account=account, con_id=split.con_id, trade_date__gte=split.ex_date, superseded=False
    )
    now = sum(base, ZERO) + sum((one.quantity for one in traded if one.con_id == split.con_id), ZERO)
    since = sum((one.quantity for one in sums(later.exclude(WHOLES))), ZERO)
    before = (one.counted.quantity for one in changed if _is_before(one, split))
    return now - since + sum(before, ZERO)


def _is_before(change: Change, split: Split) -> bool:
    return change.total.con_id == split.con_id and change.day < split.ex_date


def _effects(split: Split, held: Decimal) -> list[Change]:
    """What it did to so much of the contract, which may have got a new id by it."""
    if not held:
        return []
    became = times(held, split.ratio)
    if split.new_con_id == split.con_id:
        return [_of_split(split, split.con_id, became - held)]
    return [_of_split(split, split.con_id, -held), _of_split(split, split.new_con_id, became)]


def _of_split(split: Split, con_id: int, quantity: Decimal) -> Change:
    instrument = Instrument.objects.filter(con_id=con_id).first()
    total = TradedTotal(
        con_id=con_id,
        symbol=instrument.symbol if instrument else split.symbol,
        sec_type=instrument.sec_type if instrument else "STK",
        currency=instrument.currency if instrument else "",
        quantity=quantity,
        value=ZERO,
        realized=ZERO,
        commission=ZERO,
        commission_currency=instrument.currency if instrument else "",
    )
    return Change(day=split.ex_date, total=total, counted=total, split=split)


def enter(split: Split) -> Split:
    """Store it. What a person had accepted of it as a difference is in the account's baseline."""
    split.save(force_insert=True)
    for account in BrokerAccount.objects.exclude(baseline_at=None):
        for gap in accepted_gaps(account.code, split.con_id, split.ex_date):
            effects = _effects(split, _held_now(account, split) - gap)
            if effects and effects[0].total.quantity == gap:
                _note_in_baseline(account, split, effects)
                break
    return split


def _held_now(account: BrokerAccount, split: Split) -> Decimal:
    """What was held the day before it, as far as it is known without it."""
    others = [one for one in changes(account) if one.split != split]
    return _held_before(account, split, executed.since_baseline(account), others)


def settle(account: BrokerAccount) -> list[TradedTotal]:
    """Let what is old join the baseline; what of it has to be added there. Inside a transaction."""
    old = clock.now().date() - SETTLED_AFTER
    known = changes(account)
    events = PositionEvent.objects.filter(
        Q(quantity_in_baseline=False) | Q(amount_in_baseline=False), account=account, day__lt=old
    )
    found = [_of_event(one).counted for one in events]
    for split in {one.split for one in known if one.split and one.day < old}:
        effects = [one for one in known if one.split == split]
        _note_in_baseline(account, split, effects)
        found += [one.counted for one in effects]
    events.update(quantity_in_baseline=True, amount_in_baseline=True)
    return found


def _note_in_baseline(account: BrokerAccount, split: Split, effects: Iterable[Change]) -> None:
    for one in effects:
        PositionEvent.objects.create(
            account=account,
            kind=PositionEventKind.SPLIT,
            day=one.day,
            key=f"split {split.pk} {one.total.con_id}",
            con_id=one.total.con_id,
            symbol=one.total.symbol,
            sec_type=one.total.sec_type,
            currency=one.total.currency,
            quantity=one.total.quantity,
            quantity_in_baseline=True,
            amount_in_baseline=True,
            split=split,
            source=split.source,
        )


def accepted_gaps(account: str, con_id: int, since: date) -> list[Decimal]:
    """Differences of the position that a person has accepted since that day: they are in the baseline."""
    rows = Break.objects.filter(
        kind=BreakKind.POSITION,
        key=Break.position_key(account, con_id),
        closed_by__startswith="desk:",
        closed_at__date__gte=since,
    )
    return [row.gap for row in rows if row.gap is not None]


class Splits:
    """What executions of the past are today. `era`: the first split that comes after an execution."""

    def __init__(self) -> None:
        self._rows = list(in_effect())
        eras = [
            When(con_id=one.con_id, trade_date__lt=one.ex_date, then=Value(one.ex_date)) for one in self._rows
        ]
        self.era = Case(*eras, default=None, output_field=DateField(null=True))

    def era_of(self, con_id: int, day: date) -> date | None:
        """The same of anything else that was done on a day."""
        later = (one.ex_date for one in self._rows if one.con_id == con_id and one.ex_date > day)
        return next(later, None)

    def now(self, con_id: int, era: date | None) -> tuple[int, Fraction]:
        """The contract that it is today, and how many there are for one of then."""
        ratio = Fraction(1)
        for one in self._rows:
            if era is not None and one.con_id == con_id and one.ex_date >= era:
                con_id, era, ratio = one.new_con_id, one.ex_date, ratio * one.ratio
        return con_id, ratio

    def former(self, con_id: int) -> set[int]:
        """The contract's ids, the older ones too."""
        found = {con_id}
        for one in reversed(self._rows):
            found |= {one.con_id} if one.new_con_id in found else set()
        return found


def times(quantity: Decimal, ratio: Fraction) -> Decimal:
    """So many times as much, exact to the last digit that is stored."""
    return (quantity * ratio.numerator / ratio.denominator).quantize(PX_STEP)


def day_at(at: datetime, con_id: int) -> date:
    """The day that it was then where the contract trades."""
    place = Instrument.objects.filter(con_id=con_id).values_list("time_zone", flat=True).first()
    return trade_date(at, place or NEW_YORK, ())
