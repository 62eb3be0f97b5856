"""IB's largest double means "not known (yet)": None, in every message and every field."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ib_async import CommissionReport, Contract, ContractDetails, Execution, Order, OrderState
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from brokers.ib import contracts, translate
from brokers.ib.callbacks import Callbacks
from brokers.ib.client import StrictDecoder
from brokers.messages import CommissionReport as Cost
from brokers.messages import ExecutionReport, OrderReport, WorkingStatus
from tests.unit.brokers.test_callbacks import Memory, callbacks, codes, memory, status

__all__ = ["callbacks", "codes", "memory"]
AAPL = Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
UNKNOWN = [UNSET_DOUBLE, 1.7976931348623157e308, -UNSET_DOUBLE, float("inf"), float("nan"), "", "N/A", None]


@pytest.mark.parametrize("value", UNKNOWN)
def test_what_is_no_known_amount_is_none(value: Any) -> None:
    assert contracts.amount(value) is None


@pytest.mark.parametrize("value", [0.0, -1.0, 0.1, "1E+5", 1e18])
def test_a_known_amount_is_exact(value: Any) -> None:
    assert contracts.amount(value) == Decimal(str(value))


def test_a_commission_report_of_unknown_amounts_knows_nothing() -> None:
    report = translate.commission_report(
        CommissionReport(execId="a.01", commission=UNSET_DOUBLE, currency="USD", realizedPNL=UNSET_DOUBLE)
    )
    assert (report.commission, report.realized_pnl) == (None, None)


def test_an_order_of_unknown_prices_and_quantities_has_none() -> None:
    order = Order(
        permId=7, action="BUY", orderType="LMT", totalQuantity=UNSET_DOUBLE, lmtPrice=UNSET_DOUBLE,
        filledQuantity=UNSET_DOUBLE,
    )  # fmt: skip
    terms = translate.terms_of(AAPL, order)
    assert (terms.order_qty, terms.price) == (0, None)
    assert translate.completed_order_report(AAPL, order, OrderState()).cum_qty == 0


def test_numbers_that_are_not_set_identify_nothing() -> None:
    order = Order(permId=UNSET_INTEGER, orderId=UNSET_INTEGER, clientId=0)
    identity = translate.open_order_report(AAPL, order, OrderState()).identity
    assert (identity.perm_id, identity.broker_order_id, identity.has_order_id) == (0, 0, False)


def test_an_execution_keeps_the_brokers_word_for_its_kind() -> None:
    fop = Contract(
        conId=700000006, symbol="ES", secType="FOP", exchange="CME", currency="USD", multiplier="50",
        strike=5000, right="C", lastTradeDateOrContractMonth="20261218", localSymbol="E1C",
    )  # fmt: skip
    fill = Execution(
        execId="a.01",
        side="BOT",
        shares=1,
        price=2,
        cumQty=UNSET_DOUBLE,
        time=datetime(2026, 11, 27, tzinfo=UTC),
    )
    report = translate.execution_report(fop, fill)
    said = report.instrument
    assert (said.sec_type, said.strike_price, said.put_or_call, said.local_symbol) == (
        "FOP",
        5000,
        "CALL",
        "E1C",
    )
    assert report.cum_qty == 0


@pytest.mark.parametrize("sec_type", ["CFD", "BOND", "CRYPTO", "WAR", "FUND", "IND", "CMDTY", "X1"])
def test_a_contract_of_any_kind_is_that_kind(sec_type: str) -> None:
    ref = contracts.instrument_of(
        Contract(conId=1, symbol="X", secType=sec_type, multiplier=str(UNSET_DOUBLE))
    )
    assert (ref.sec_type, ref.multiplier) == (sec_type, 1)


def test_margins_and_rules_that_are_not_known_are_none() -> None:
    state = OrderState(
        initMarginBefore="1.7976931348623157E308", maintMarginAfter="", commission=UNSET_DOUBLE
    )
    preview = translate.preview(state)
    assert (preview.init_margin_before, preview.maint_margin_after, preview.commission) == (None, None, None)
    told = contracts.instrument_details(
        ContractDetails(contract=AAPL, minTick=UNSET_DOUBLE, minSize=UNSET_DOUBLE)
    )
    assert (told.min_tick, told.min_size) == (0, 1)


def test_a_status_of_unknown_quantity_says_none(callbacks: Callbacks, memory: Memory) -> None:
    status(callbacks, filled=UNSET_DOUBLE)
    (message,) = memory.messages
    assert isinstance(message.event, OrderReport)
    assert message.event.cum_qty is None


def test_a_commission_that_goes_back_is_told_under_a_key_of_its_own(
    callbacks: Callbacks, memory: Memory
) -> None:
    for amount in (1.0, 1.0, 2.0, 1.0):
        callbacks.commissionReport(CommissionReport(execId="a.01", commission=amount, currency="USD"))
    costs = [message.event for message in memory.messages]
    assert [cost.commission for cost in costs if isinstance(cost, Cost)] == [1, 2, 1]
    assert len({message.dedup_key for message in memory.messages}) == 3


# --- as the gateway writes them ------------------------------------------------------------------------
def heard(callbacks: Callbacks, memory: Memory, frame: str) -> Any:
    StrictDecoder(callbacks, 178).interpret(frame.split("|"))  # type: ignore[arg-type]
    return memory.messages[-1].event


@pytest.mark.parametrize("amount", ["", "1.7976931348623157E308", "NaN", "Infinity", "not yet"])
def test_an_amount_that_is_not_told_is_not_zero(callbacks: Callbacks, memory: Memory, amount: str) -> None:
    told = heard(callbacks, memory, f"59|1|a.01|{amount}|USD|{amount}|{amount}|")
    assert (told.commission, told.realized_pnl, told.currency) == (None, None, "USD")
    told = heard(callbacks, memory, "59|1|a.01|1.5|USD|-2|0|20261231")
    assert (told.commission, told.realized_pnl) == (Decimal("1.5"), Decimal(-2))


@pytest.mark.parametrize("word", ["BOT", "BUY", "bot"])
@pytest.mark.parametrize(("other", "side"), [("", "BUY"), ("SLD", "SELL"), ("SSHORT", "SELL")])
def test_an_execution_says_its_side_in_any_word(
    callbacks: Callbacks, memory: Memory, word: str, other: str, side: str
) -> None:
    frame = (
        "11|-1|5|265598|AAPL|STK||0.0|||NASDAQ|USD|AAPL|NMS|a.01|20261128 08:00:00 UTC|DU1234567|NASDAQ|"
        f"{other or word}|10|230.02|777|1|0|10|230.02|||||2|0"
    )
    told = heard(callbacks, memory, frame)
    assert (type(told), told.side) == (ExecutionReport, side)


@pytest.mark.parametrize("why", ["locate", "Locate", "LOCATE, parent"])
def test_a_hold_for_a_locate_is_no_end_in_any_letters(why: str) -> None:
    assert translate.status_of("Inactive", why) is WorkingStatus.HELD
