"""One row of a snapshot that cannot be applied keeps neither the session nor its neighbours from trading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from brokers.models import InboxMessage
from brokers.port import Link
from orders.models import Alert, AlertKind, Order, ReconciliationKind, ReconciliationRun, Source, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.broker.proxy import Frame, Proxy, kind
from tradedesk.stack.polling import eventually

STATUS, OPEN_ORDER = "3", "5"


def poison(frame: Frame) -> list[Frame]:
    """Orders to sell come with a word that is no side."""
    return [frame.replace(b"\0SELL\0", b"\0SIDEWAYS\0") if kind(frame) == OPEN_ORDER else frame]


def unknown_form(frame: Frame) -> list[Frame]:
    """Orders wait for a condition of a kind that the library does not know."""
    fields = frame.split(b"\0")
    if kind(frame) == OPEN_ORDER:
        at = fields.index(b"Submitted") + 17  # behind margins, commissions and the like: how many conditions
        fields[at : at + 1] = [b"1", b"99", b"a", b"1", b"0", b"0"]
    return [b"\0".join(fields)]


@pytest.fixture
def proxy(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between the gateway and the session."""
    proxy = Proxy(gateway.port)
    proxy.start()
    monkeypatch.setattr(gateway, "port", proxy.port)
    yield proxy
    proxy.stop()


def by_hand(gateway: Gateway, action: str, price: str) -> None:
    typed = {
        "symbol": "AAPL",
        "action": action,
        "total_quantity": "7",
        "order_type": "LMT",
        "lmt_price": price,
    }
    gateway.control.post("/manual", json=typed).raise_for_status()


def test_a_poisoned_open_order_is_parked_and_trading_goes_on(
    desk: Desk, gateway: Gateway, proxy: Proxy, new_runtime: Callable[[], SessionRuntime]
) -> None:
    by_hand(gateway, "SELL", "9000")
    by_hand(gateway, "BUY", "1")
    proxy.filter = poison
    desk.know("AAPL", 265598)
    order = desk.rest()
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    desk.wait(order, State.PENDING)
    assert len(gateway.orders_of(order)) == 1
    assert [row.side for row in Order.objects.filter(source=Source.EXTERNAL)] == ["BUY"]
    (first,) = ReconciliationRun.objects.filter(kind=ReconciliationKind.ORDERS).order_by("id")[:1]
    assert (first.ok, first.counts["parked"]) == (False, 1)
    row = InboxMessage.objects.get(applied_at=None, dedup_key__startswith="snapshot:")
    alerts = Alert.objects.filter(kind=AlertKind.INBOX_STUCK, cleared_at=None)
    assert f"perm_id {row.event['identity']['perm_id']}" in alerts.get(subject=row.dedup_key).text


def test_our_order_with_a_poisoned_row_is_not_sent_twice(
    desk: Desk, gateway: Gateway, proxy: Proxy, runtime: SessionRuntime
) -> None:
    def no_such_number(frame: Frame) -> list[Frame]:
        """No status comes, and the quantity of every order is one that no column holds."""
        if kind(frame) == OPEN_ORDER:
            frame = frame.replace(b"\0BUY\x0010\0", b"\0BUY\x001E40\0")
        return [] if kind(frame) == STATUS else [frame]

    proxy.filter = no_such_number
    order = desk.wait(desk.rest(order_qty=Decimal(10)), State.UNCONFIRMED)
    for _ in range(4):
        runtime.reconcile(full=True)
    assert len(gateway.orders_of(order)) == 1
    assert Order.objects.get(pk=order.pk).absent_rounds == 0
    assert order.order_ref in Alert.objects.filter(kind=AlertKind.INBOX_STUCK).latest("id").text
    proxy.pass_on()
    desk.wait(order, State.PENDING)
    eventually(lambda: not InboxMessage.objects.filter(applied_at=None, dedup_key__startswith="snapshot:"))


def test_an_order_that_the_library_cannot_read_is_shown_and_trading_goes_on(
    desk: Desk, gateway: Gateway, proxy: Proxy, new_runtime: Callable[[], SessionRuntime]
) -> None:
    by_hand(gateway, "SELL", "9000")
    proxy.filter = unknown_form
    runtime = new_runtime()
    eventually(lambda: runtime.session.link is Link.READY, limit=60)
    (theirs,) = Order.objects.filter(source=Source.EXTERNAL)
    assert (theirs.side, theirs.order_qty, theirs.price, theirs.state) == ("SELL", 7, 9000, State.PENDING)
