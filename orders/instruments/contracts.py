"""Instruments: resolved through the broker once, kept with their rules and age, and their last prices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import msgspec
from django.db import DatabaseError, transaction
from django.db.models import ForeignKey, Q
from django.utils import timezone

from brokers.errors import BrokerError
from brokers.fix import LegSide, SecType
from brokers.messages import InstrumentDetails, InstrumentRef, Leg
from brokers.models import Instrument
from brokers.port import BrokerSession
from brokers.postgres import storable
from orders.instruments import watchlist

log = logging.getLogger(__name__)

DETAILS_TIMEOUT = 6.0  # seconds
RETRY_AFTER = timedelta(minutes=1)
#: Trading hours are told for some days ahead, the other rules change rarely.
REFRESH_AFTER = timedelta(hours=12)
BATCH_SIZE = 10
MAX_CANDIDATES = 50


class InstrumentDesk:
    """Keeps the instruments of one session resolved, fresh, and their prices watched."""

    def __init__(self, name: str, session: BrokerSession) -> None:
        self.name = name
        self.session = session
        self._watched: list[int] = []
        self._watching = Lock()  # two threads look after instruments, and the last word must be the newer one

    def look_after(self) -> None:
        """Ask the broker for what is new or old, and watch the prices of what it knows."""
        now = timezone.now()
        described = Instrument.objects.exclude(sec_type=SecType.BAG)
        tried = Q(resolved_at=None) | Q(resolved_at__lt=now - RETRY_AFTER)
        new = described.filter(con_id=None, confirmed=True).filter(tried)
        old = described.filter(Q(resolved_at=None) | Q(resolved_at__lt=now - REFRESH_AFTER)).exclude(
            con_id=None
        )
        for instrument in [*new[:BATCH_SIZE], *old[:BATCH_SIZE]]:
            self._refresh(instrument)
        self._watch()

    def _watch(self) -> None:
        with self._watching:
            wanted = watchlist.wanted(self.name)
            if wanted != self._watched:
                rows = Instrument.objects.in_bulk(wanted)
                self.session.watch([reference(rows[key]) for key in wanted if key in rows])
                self._watched = wanted

    def _refresh(self, instrument: Instrument) -> None:
        try:
            found = self.session.instrument_details(reference(instrument), DETAILS_TIMEOUT)
        except BrokerError as error:
            log.warning("instrument not resolved", extra={"instrument": str(instrument), "error": str(error)})
            return
        try:
            with transaction.atomic():
                _take_answer(instrument, found)
        except DatabaseError as error:  # it must not keep those behind it from being asked for
            log.warning("instrument not stored", extra={"instrument": str(instrument), "error": str(error)})
            why = "What the broker says of it does not fit what is stored here."
            Instrument.objects.filter(pk=instrument.pk).update(resolved_at=timezone.now(), resolve_error=why)

    def answer(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer a question (INSTRUMENTS): what fits a description; stored when it is just one."""
        wanted = msgspec.convert(body, InstrumentRef)
        found = self.session.instrument_details(wanted, DETAILS_TIMEOUT)
        if len(found) != 1:
            return [candidate(details) for details in found[:MAX_CANDIDATES]]
        row = store(found[0])
        self._watch()
        return [{"id": row.pk}]


def _take_answer(instrument: Instrument, found: Sequence[InstrumentDetails]) -> None:
    """Store what the broker said when it was asked for a row of ours."""
    now = instrument.resolved_at = timezone.now()
    other = _known_as(found[0], instrument) if len(found) == 1 else None
    if other and instrument.confirmed and not other.confirmed:
        _absorb(other, instrument)
        other = None
    if other:
        instrument.resolve_error = f"It is the same contract as {other}."
    elif len(found) == 1:
        _take_over(instrument, found[0], now)
    else:
        instrument.resolve_error = _why(len(found))
    instrument.save()


def _known_as(details: InstrumentDetails, instrument: Instrument) -> Instrument | None:
    """Another row of the contract that this description turns out to mean."""
    ref = details.instrument
    same = Instrument.objects.filter(con_id=ref.con_id, exchange=ref.exchange)
    return same.exclude(pk=instrument.pk).first()


def _absorb(other: Instrument, instrument: Instrument) -> None:
    """What others traded turns out to be an instrument of ours: their orders are in it from now on."""
    for relation in Instrument._meta.related_objects:
        if isinstance(relation.field, ForeignKey):
            rows = relation.related_model._default_manager.filter(**{relation.field.name: other})
            rows.update(**{relation.field.name: instrument})
    other.delete()


def _why(count: int) -> str:
    if not count:
        return "The broker knows no such contract."
    return f"The broker knows {count} contracts under this description; describe it more closely."


def contracts_of(instrument: Instrument) -> dict[int, int]:
    """What buying one unit buys (above zero) or sells of each contract; empty where none is known yet."""
    if not instrument.legs:
        return {instrument.con_id: 1} if instrument.con_id else {}
    found: dict[int, int] = {}
    for leg in instrument.legs:
        sign = 1 if leg["side"] == LegSide.BUY else -1
        found[leg["con_id"]] = found.get(leg["con_id"], 0) + sign * leg["ratio"]
    return found


def contract_key(instrument: Instrument) -> str:
    """What tells its contract, or combination of contracts, from all others (`store.scope_use.KEY`).

    The same for all of its rows: each exchange, and each description, is one of its own.
    """
    if not instrument.legs:
        return str(instrument.con_id or f"row {instrument.pk}")
    return " ".join(f"{con_id} {ratio}" for con_id, ratio in sorted(contracts_of(instrument).items()))


def reference(instrument: Instrument) -> InstrumentRef:
    """The instrument as messages name it."""
    return InstrumentRef(
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        exchange=instrument.exchange,
        currency=instrument.currency,
        con_id=instrument.con_id or 0,
        legs=tuple(msgspec.convert(instrument.legs, list[Leg])),
        maturity=instrument.maturity,
        strike_price=instrument.strike_price,
        put_or_call=instrument.put_or_call,
        local_symbol=instrument.local_symbol,
        trading_class=instrument.trading_class,
        multiplier=instrument.multiplier,
    )


def candidate(details: InstrumentDetails) -> dict[str, Any]:
    """One contract that a description may mean, by what tells it from the others."""
    ref = details.instrument
    return {
        "con_id": ref.con_id,
        "symbol": ref.symbol,
        "sec_type": ref.sec_type,
        "exchange": ref.exchange,
        "currency": ref.currency,
        "maturity": ref.maturity,
        "strike_price": None if ref.strike_price is None else f"{ref.strike_price:f}",
        "put_or_call": ref.put_or_call,
        "local_symbol": ref.local_symbol,
        "trading_class": ref.trading_class,
        "primary_exchange": ref.primary_exchange,
        "long_name": details.long_name,
    }


def store(details: InstrumentDetails) -> Instrument:
    """The row of this contract at this exchange, made when it is new, with the rules as told now."""
    ref = details.instrument
    with transaction.atomic():
        row = Instrument.objects.select_for_update().filter(con_id=ref.con_id, exchange=ref.exchange).first()
        row = row or Instrument(symbol=ref.symbol)
        row.confirmed = ref.sec_type in list(SecType)
        _take_over(row, details, timezone.now())
        row.save()
    return row


def store_combination(ref: InstrumentRef) -> Instrument:
    """The row of a combination: its rules are those of its legs. The legs must be stored."""
    known = Instrument.objects.listed().filter(con_id__in=[leg.con_id for leg in ref.legs])
    legs = {row.con_id: row for row in known}
    ticks = [row.min_tick for row in legs.values() if row.min_tick]
    row, _ = Instrument.objects.get_or_create(
        symbol=ref.symbol,
        sec_type=SecType.BAG,
        exchange=ref.exchange,
        currency=ref.currency,
        legs=_plain_legs(ref.legs),
        defaults={
            "min_tick": min(ticks, default=None),
            "multiplier": max(row.multiplier for row in legs.values()),
            "resolved_at": timezone.now(),
            "time_zone": legs[ref.legs[0].con_id].time_zone,
            "long_name": " ".join(f"{leg.side} {leg.ratio} {legs[leg.con_id]}" for leg in ref.legs),
        },
    )
    return row


def _plain_legs(legs: tuple[Leg, ...]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(leg) for leg in legs]


def _take_over(instrument: Instrument, details: InstrumentDetails, at: datetime) -> None:
    ref = details.instrument
    instrument.exchange, instrument.currency = ref.exchange, ref.currency
    instrument.con_id, instrument.sec_type = ref.con_id, storable.text(ref.sec_type, 16)
    instrument.maturity, instrument.strike_price = ref.maturity, ref.strike_price
    instrument.put_or_call = ref.put_or_call
    instrument.local_symbol, instrument.trading_class = ref.local_symbol, ref.trading_class
    instrument.multiplier, instrument.price_magnifier = ref.multiplier, details.price_magnifier
    instrument.long_name, instrument.primary_exchange = details.long_name, ref.primary_exchange
    instrument.min_tick, instrument.min_size = details.min_tick, details.min_size
    instrument.size_increment = details.size_increment
    instrument.price_bands = [[f"{edge:f}", f"{step:f}"] for edge, step in details.price_bands]
    instrument.order_types, instrument.exchanges = list(details.order_types), list(details.exchanges)
    instrument.time_zone = details.time_zone
    instrument.trading_hours = [[start.isoformat(), end.isoformat()] for start, end in details.trading_hours]
    instrument.liquid_hours = [[start.isoformat(), end.isoformat()] for start, end in details.liquid_hours]
    instrument.resolved_at, instrument.resolve_error = at, ""
