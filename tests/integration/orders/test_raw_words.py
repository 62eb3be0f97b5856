"""What a gateway says in odd words, from the socket to the books: nothing is lost, and nothing is made up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.models import InboxMessage
from orders.models import Alert, AlertKind, Execution, Order, State
from tests.integration.orders.raw_words import (
    UNKNOWN,
    RawGateway,
    commission,
    error,
    execution,
    open_order,
    position,
    status,
)
from tests.integration.orders.test_attribution import books, desk, external, sent

__all__ = ["desk", "sent"]
BY_HAND = {"clientId": 0, "orderId": 0}
CORRECTED = "0000e0d5.6a01.01.02"


@pytest.fixture
def gateway(sent: Order) -> RawGateway:
    return RawGateway()


def waiting() -> list[InboxMessage]:
    return list(InboxMessage.objects.filter(applied_at=None))


# --- what is not told is not zero ----------------------------------------------------------------------
@pytest.mark.parametrize("told", [{"shares": ""}, {"shares": "ten"}, {"shares": "1e-12"}], ids=repr)
def test_a_quantity_that_is_not_told_busts_no_execution(
    sent: Order, gateway: RawGateway, told: dict[str, str]
) -> None:
    gateway.say(execution(), execution(execId=CORRECTED, **told))
    assert (books(sent)[:2], len(waiting())) == ((State.FILLED, 10), 1)
    assert [one.kind for one in Alert.objects.all()] == [AlertKind.INBOX_STUCK]
    assert not gateway.listener.alarms


@pytest.mark.parametrize("price", ["", "N/A", UNKNOWN, "-Infinity"])
def test_a_price_that_is_not_told_is_no_price_of_zero(sent: Order, gateway: RawGateway, price: str) -> None:
    gateway.say(execution(price=price), execution(execId="0000e0d5.6a02.01.01", shares=4))
    assert (books(sent)[1], books(sent)[2], len(waiting())) == (4, 200, 1)


def test_a_price_of_zero_that_is_told_is_booked(sent: Order, gateway: RawGateway) -> None:
    gateway.say(execution(price="0.0", cumQty="all", avgPrice=""))
    assert (books(sent)[:3], waiting()) == ((State.FILLED, 10, 0), [])


@pytest.mark.parametrize(("quantity", "cost"), [("", ""), ("N/A", "none"), (UNKNOWN, UNKNOWN)])
def test_a_position_that_is_not_told_is_not_flat(gateway: RawGateway, quantity: str, cost: str) -> None:
    gateway.say(position(quantity, cost), position("-3", "0"))
    told = [(one.position_qty, one.avg_cost) for one in gateway.listener.positions]
    assert (told, gateway.listener.alarms) == ([(None, None), (-3, 0)], [])


@pytest.mark.parametrize("redemption", ["2030-01-01", UNKNOWN, "none", "20300101"])
def test_an_odd_date_of_redemption_loses_no_commission(
    sent: Order, gateway: RawGateway, redemption: str
) -> None:
    gateway.say(execution(), commission("-0.35", pnl="1.2E2", redemption=redemption))
    (one,) = Execution.objects.all()
    assert (one.commission, one.realized_pnl, books(sent)[0]) == (Decimal("-0.35"), 120, State.COMPLETED)


# --- numbers in other forms ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "told", [{"permId": "1.700000001E9"}, {"orderId": "42.0"}, {"conId": "265598.0"}, {"clientId": "1E0"}]
)
def test_a_whole_number_in_any_form_is_read(sent: Order, gateway: RawGateway, told: dict[str, str]) -> None:
    gateway.say(execution(**told), open_order(**told))
    assert (books(sent)[1], external(), gateway.listener.alarms) == (10, [], [])


@pytest.mark.parametrize("perm_id", [-1, 0, -2147483648, 99999999999999999999])
def test_what_is_no_perm_id_is_the_name_of_no_order(gateway: RawGateway, perm_id: int) -> None:
    told = {**BY_HAND, "permId": perm_id}
    gateway.say(
        execution(execId="h1.01", **told),
        execution(execId="h2.01", symbol="MSFT", conId=272093, side="SLD", **told),
    )
    assert [(one.instrument.symbol, one.cum_qty) for one in external()] == [("AAPL", 10), ("MSFT", 10)]


def test_our_reference_finds_our_order_whatever_its_perm_id_says(sent: Order, gateway: RawGateway) -> None:
    gateway.say(execution(orderRef=sent.order_ref, permId=99999999999999999999))
    assert (books(sent)[:2], sent.perm_id, waiting()) == ((State.FILLED, 10), 1700000001, [])


@pytest.mark.parametrize(
    "told",
    [{"perm_id": "1.700000001E9"}, {"order_id": "42.0"}, {"filled": "n/a"}, {"word": " CANCELLED"}],
    ids=repr,
)
def test_a_status_in_other_words_is_read(sent: Order, gateway: RawGateway, told: dict[str, str]) -> None:
    gateway.say(status(**{"word": "Cancelled", **told}))
    assert (books(sent)[0], gateway.listener.alarms) == (State.CANCELED, [])


def test_a_status_that_cannot_be_read_is_told(sent: Order, gateway: RawGateway) -> None:
    gateway.say(status("Cancelled", order_id="forty-two"))
    ((subject, text),) = gateway.listener.alarms
    assert (subject, "forty-two" in text, books(sent)[0]) == ("unreadable", True, State.PENDING)


# --- a row that cannot be understood -----------------------------------------------------------------------
@pytest.mark.parametrize("side", ["", "EXERCISE", "\udcff"])
def test_an_execution_of_an_unknown_side_is_parked_and_spoils_no_look(
    sent: Order, gateway: RawGateway, side: str
) -> None:
    strange = execution(permId=9, side=side.encode("ascii", "replace").decode(), execId="h1.01", **BY_HAND)
    gateway.say(strange, execution())
    assert (books(sent)[1], external(), gateway.listener.alarms) == (10, [], [])
    (row,) = waiting()
    assert "bought or sold" in row.error


@pytest.mark.parametrize("action", ["", "EXERCISE"])
def test_an_order_of_an_unknown_side_is_parked_in_plain_words(
    sent: Order, gateway: RawGateway, action: str
) -> None:
    gateway.say(open_order(permId=9, action=action, **BY_HAND), execution())
    (row,) = waiting()
    assert row.error == f"ValueError: an order must buy or sell, not {action!r}"
    assert (books(sent)[1], external(), gateway.listener.alarms) == (10, [], [])


@pytest.mark.parametrize("figure", ["strike", "totalQuantity", "lmtPrice", "auxPrice"])
def test_an_order_with_a_figure_that_is_no_number_spoils_no_look(
    sent: Order, gateway: RawGateway, figure: str
) -> None:
    before = Order.objects.get(pk=sent.pk).terms
    told = {figure: "n/a"}
    gateway.say(open_order(orderRef=sent.order_ref, **told), open_order(permId=9, **BY_HAND, **told))
    assert (len(external()), waiting(), gateway.listener.alarms) == (1, [], [])
    assert Order.objects.get(pk=sent.pk).terms == before


# --- a message of a form that the library does not know ----------------------------------------------------
def odd_order(status: str = "Submitted", **said: Any) -> list[str]:
    """With a condition of a kind that the library has not: it ends reading there."""
    fields = open_order(status, **said)
    at = fields.index("None", fields.index(status)) - 1  # the kind of an adjusted order follows
    return [*fields[:at], "1", "99", "a", "1", "0", "0", *fields[at + 1 :]]


@pytest.mark.parametrize("status", ["Submitted", "PreSubmitted"])
def test_an_order_of_an_unknown_form_is_shown_by_its_head(
    sent: Order, gateway: RawGateway, status: str
) -> None:
    gateway.say(odd_order(status, permId=9, **BY_HAND), execution(shares=4, cumQty=4))
    (one,) = external()
    known = one.instrument.symbol, one.side, one.order_qty, one.price, one.state
    state = State.PENDING if status == "Submitted" else State.ACCEPTED
    assert known == ("AAPL", one.side, 10, 200, state)
    assert (books(sent)[1], gateway.listener.alarms, waiting()) == (4, [], [])


def test_two_words_for_the_status_of_an_order_of_an_unknown_form_are_none(
    sent: Order, gateway: RawGateway
) -> None:
    gateway.say([*odd_order(orderRef=sent.order_ref), "Cancelled"])
    assert (books(sent)[0], gateway.listener.alarms) == (State.PENDING, [])
    assert Alert.objects.get().kind == AlertKind.UNKNOWN_CODE


@pytest.mark.parametrize("fields", [odd_order()[:25], [*odd_order()[:25], "x", *odd_order()[26:]]])
def test_an_order_that_does_not_say_whose_it_is_is_told(gateway: RawGateway, fields: list[str]) -> None:
    gateway.say(fields)
    assert [subject for subject, _ in gateway.listener.alarms] == ["unreadable"]


@pytest.mark.parametrize(("place", "text"), [(30, "x"), (31, "true"), (31, ""), (28, "abc"), (23, "no")])
def test_what_an_execution_says_beside_loses_it_not(
    sent: Order, gateway: RawGateway, place: int, text: str
) -> None:
    fields = execution()
    fields[place] = text
    gateway.say(fields)
    assert (books(sent)[1], gateway.listener.alarms) == (10, [])


def test_an_execution_that_ends_early_is_booked_if_it_says_whose_it_is(
    sent: Order, gateway: RawGateway
) -> None:
    gateway.say(execution()[:27], execution(execId="h2.01")[:26])
    assert (books(sent)[1], len(gateway.listener.alarms)) == (10, 1)


@pytest.mark.parametrize("fields", [error(201)[:-1], [*error(201), "more"], error("201.0")])
def test_a_refusal_of_any_length_ends_its_order(sent: Order, gateway: RawGateway, fields: list[str]) -> None:
    gateway.say(fields, status("Inactive"))
    assert (books(sent)[0], gateway.listener.alarms) == (State.REJECTED, [])


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (r"Order rejected - reason:K\u00e4ufe \u4e0d\u5141\u8bb8", "Käufe 不允许"),
        (r"\ud83d\ude80 \u0000 C:\users \u12", r"🚀 \x00 C:\users \u12"),
        (r"\ud83d half", "\ufffd half"),
    ],
)
def test_words_that_a_gateway_escapes_are_shown_as_they_were_meant(
    sent: Order, gateway: RawGateway, told: str, meant: str
) -> None:
    gateway.say(error(201, told), status("Inactive"))
    assert meant in Order.objects.get(pk=sent.pk).reason_text


# --- whose order --------------------------------------------------------------------------------------
@pytest.mark.parametrize("together", [True, False])
def test_one_execution_id_in_two_accounts_is_an_execution_of_each(
    sent: Order, gateway: RawGateway, together: bool
) -> None:
    frames = [execution(), execution(account="DU7654321", permId=5, **BY_HAND)]
    for part in [frames] if together else [[frame] for frame in frames]:
        gateway.say(*part)
    (other,) = external()
    assert (books(sent)[:2], other.cum_qty) == ((State.FILLED, 10), 10)
    assert (books(sent)[4], Alert.objects.count()) == (False, 0)


NAMELESS = {"conId": 0, "symbol": "", "secType": "", "currency": "", "localSymbol": ""}


def test_our_order_whose_contract_is_not_told_any_more_is_still_ours(
    sent: Order, gateway: RawGateway
) -> None:
    gateway.say(open_order(**NAMELESS), execution(orderRef=sent.order_ref, **NAMELESS))
    assert (books(sent)[1], external()) == (10, [])


def test_a_number_alone_is_no_identity_of_an_order_without_a_contract(
    sent: Order, gateway: RawGateway
) -> None:
    Order.objects.update(perm_id=None, state=State.SENT)
    gateway.say(execution(permId=9, **NAMELESS), execution(permId=0, execId="h2.01", **NAMELESS))
    assert (books(sent)[1], len(external())) == (0, 2)


# --- the quantity that an order shows ----------------------------------------------------------------------
@pytest.mark.parametrize("quantity", ["4", "6", "0", "-10", "NaN", ""])
def test_an_order_that_lives_is_larger_than_what_it_has_executed(
    sent: Order, gateway: RawGateway, quantity: str
) -> None:
    gateway.say(execution(shares=6, cumQty=6), commission())
    gateway.say(open_order(orderRef=sent.order_ref, totalQuantity=quantity))
    order = Order.objects.get(pk=sent.pk)
    assert (order.state, order.order_qty, order.held_for_desk) == (State.PARTIALLY_FILLED, 10, False)
    assert (waiting(), Alert.objects.count()) == ([], 0)


def test_an_order_lowered_by_hand_follows_as_long_as_it_lives(sent: Order, gateway: RawGateway) -> None:
    gateway.say(execution(shares=6, cumQty=6), commission())
    gateway.say(open_order(orderRef=sent.order_ref, totalQuantity=7))
    assert Order.objects.get(pk=sent.pk).order_qty == 7
