"""Instruments: resolved through the broker once, and their last known prices."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from brokers.errors import BrokerError
from brokers.fix import SecType
from brokers.inbox import InboxWriter
from brokers.messages import InstrumentDetails, InstrumentRef
from brokers.models import Instrument
from brokers.port import BrokerSession

log = logging.getLogger(__name__)

DETAILS_TIMEOUT = 10.0  # seconds
RETRY_AFTER = timedelta(minutes=1)


class InstrumentDesk:
    """Keeps the instruments of one session resolved and their prices watched."""

    def __init__(self, session: BrokerSession) -> None:
        self.session = session
        self._watched: set[int] = set()

    def look_after(self) -> None:
        """Ask the broker for instruments without a con_id, and watch the prices of all that have one."""
        retry = timezone.now() - RETRY_AFTER
        new = Instrument.objects.filter(con_id=None).filter(Q(resolved_at=None) | Q(resolved_at__lt=retry))
        for instrument in new[:20]:
            _resolve(self.session, instrument)
        rows = Instrument.objects.exclude(con_id=None)
        fresh = [reference(instrument) for instrument in rows if instrument.con_id not in self._watched]
        if fresh:
            self.session.watch(fresh)
            self._watched.update(instrument.con_id for instrument in fresh)


def reference(instrument: Instrument) -> InstrumentRef:
    """The instrument as messages name it."""
    return InstrumentRef(
        symbol=instrument.symbol,
        sec_type=SecType(instrument.sec_type),
        exchange=instrument.exchange,
        currency=instrument.currency,
        con_id=instrument.con_id or 0,
    )


def _resolve(session: BrokerSession, instrument: Instrument) -> None:
    try:
        found = session.instrument_details(reference(instrument), DETAILS_TIMEOUT)
    except BrokerError as error:
        log.warning("instrument not resolved", extra={"instrument": str(instrument), "error": str(error)})
        return
    instrument.resolved_at = timezone.now()
    if len(found) == 1:
        _take_over(instrument, found[0])
    else:
        instrument.resolve_error = (
            f"The broker knows {len(found)} contracts under this description; describe it more closely."
            if found
            else "The broker knows no such contract."
        )
    instrument.save()


def _take_over(instrument: Instrument, details: InstrumentDetails) -> None:
    instrument.con_id = details.instrument.con_id
    instrument.long_name = details.long_name
    instrument.primary_exchange = details.primary_exchange
    instrument.min_tick = details.min_tick
    instrument.min_size = details.min_size
    instrument.size_increment = details.size_increment
    instrument.resolve_error = ""


def store_prices(writer: InboxWriter) -> None:
    """Write the latest prices seen since the last call; at most one row per instrument and second."""
    prices, writer.prices = writer.prices, {}
    now = timezone.now()
    for con_id, price in prices.items():
        Instrument.objects.filter(con_id=con_id).update(last_px=Decimal(price), last_px_at=now)
