"""Full orders: written by three clients' own code, repeated by the gateway, read by that code."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import ib_async
import ib_insync
import pytest
from ibapi import order_condition
from ibapi.client import EClient
from ibapi.contract import ComboLeg as OfficialLeg
from ibapi.contract import Contract as OfficialContract
from ibapi.contract import DeltaNeutralContract as OfficialDeltaNeutral
from ibapi.decoder import Decoder as OfficialDecoder
from ibapi.order import Order as OfficialOrder
from ibapi.order import OrderComboLeg as OfficialLegPrice
from ibapi.tag_value import TagValue as OfficialTag
from ibapi.wrapper import EWrapper

from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.orders import echo
from brokers.simulator.wire import codec
from brokers.simulator.wire.frames import unpack
from brokers.simulator.wire.place_order import PlaceOrder
from tests.unit.simulator.kit import AAPL, UNIVERSE

#: Terms by the clients' own names; each is written by its client, read by the codec and repeated.
TERMS: dict[str, dict[str, Any]] = {
    "algo": {"algoStrategy": "Adaptive", "algoParams": [("adaptivePriority", "Urgent")]},
    "scale": {
        "scaleInitLevelSize": 10,
        "scaleSubsLevelSize": 5,
        "scalePriceIncrement": 0.1,
        "scalePriceAdjustValue": 0.02,
        "scalePriceAdjustInterval": 60,
        "scaleProfitOffset": 0.3,
        "scaleAutoReset": True,
        "scaleInitPosition": 3,
        "scaleInitFillQty": 2,
        "scaleRandomPercent": True,
    },
    "pegged to a benchmark": {
        "orderType": "PEG BENCH",
        "referenceContractId": 272093,
        "isPeggedChangeAmountDecrease": True,
        "peggedChangeAmount": 0.5,
        "referenceChangeAmount": 0.25,
        "referenceExchangeId": "ISLAND",
    },
    "hedge": {"hedgeType": "B", "hedgeParam": "0.5"},
    "volatility": {
        "orderType": "VOL",
        "volatility": 0.3,
        "volatilityType": 2,
        "deltaNeutralOrderType": "LMT",
        "deltaNeutralAuxPrice": 230.5,
        "deltaNeutralConId": AAPL,
        "deltaNeutralSettlingFirm": "F",
        "deltaNeutralClearingAccount": "C",
        "deltaNeutralClearingIntent": "Away",
        "deltaNeutralOpenClose": "O",
        "deltaNeutralShortSale": True,
        "deltaNeutralShortSaleSlot": 2,
        "deltaNeutralDesignatedLocation": "L",
        "continuousUpdate": True,
        "referencePriceType": 1,
    },
    "box": {"startingPrice": 1.5, "stockRefPrice": 230.0, "delta": 0.5, "auctionStrategy": 1},
    "adjustable": {
        "orderType": "STP",
        "adjustedOrderType": "TRAIL",
        "triggerPrice": 190.5,
        "adjustedStopPrice": 185.5,
        "adjustedStopLimitPrice": 184.5,
        "adjustedTrailingAmount": 2.5,
        "adjustableTrailingUnit": 1,
    },
    "group": {
        **{"faGroup": "G", "faMethod": "NetLiq", "faPercentage": "10", "modelCode": "M", "rule80A": "I"},
        **{"settlingFirm": "S", "shortSaleSlot": 2, "designatedLocation": "D", "exemptCode": 1},
    },
    "time and place": {
        **{"goodAfterTime": "20261123 15:00:00 UTC", "goodTillDate": "20261130 20:00:00 UTC", "tif": "GTD"},
        **{"outsideRth": True, "hidden": True, "displaySize": 20, "minQty": 5, "allOrNone": True},
        **{"blockOrder": True, "sweepToFill": True, "triggerMethod": 4, "ocaGroup": "O", "ocaType": 2},
        **{"discretionaryAmt": 0.5, "nbboPriceCap": 231.5, "percentOffset": 0.1, "eTradeOnly": True},
        **{
            "randomizeSize": True,
            "randomizePrice": True,
            "solicited": True,
            "notHeld": True,
            "cashQty": 100.0,
        },
        **{"clearingAccount": "A", "optOutSmartRouting": True, "isOmsContainer": True},
        **{"discretionaryUpToLimitPrice": True, "usePriceMgmtAlgo": True, "whatIf": True, "parentId": 9},
    },
    "newer fields": {"duration": 60, "postToAts": 1, "autoCancelParent": True},
}
CASES = [pytest.param(terms, id=name) for name, terms in TERMS.items()]
_SINCE = {"duration": 158, "postToAts": 160, "autoCancelParent": 162}
#: Sent as lists of tags by the clients.
_TAGS = {"algoParams"}


def library_frame(library: ModuleType, version: int, contract: Any, order: Any) -> list[str]:
    """Return what a library's client writes for an order."""
    frames: list[list[str]] = []
    client = library.IB().client
    client._serverVersion, client.connState = version, client.CONNECTED
    client.sendMsg = lambda text: frames.append(text.split("\0")[:-1])
    client.placeOrder(17, contract, order)
    client.connState = client.DISCONNECTED
    return frames[0]


def official_frame(contract: Any, order: Any) -> list[str]:
    """Return what IB's own client writes for an order."""
    frames: list[list[str]] = []
    client = EClient(EWrapper())
    client.serverVersion_, client.connState = 157, EClient.CONNECTED
    client.conn = SimpleNamespace(
        isConnected=lambda: True,
        sendMsg=lambda data: frames.append(unpack(data[4:])),
        disconnect=lambda: None,
    )
    client.placeOrder(17, contract, order)
    return frames[0]


def repeated(version: int, placed: PlaceOrder) -> list[str]:
    """Return the openOrder with which the gateway repeats an order."""
    record = OrderRecord(
        perm_id=7,
        client_id=1,
        order_id=placed.order_id,
        con_id=AAPL,
        exchange=placed.contract.exchange,
        account="DU1234567",
        order=placed.order,
        received_at=datetime(2026, 11, 23, tzinfo=UTC),
        combo_legs=placed.contract.combo_legs,
    )
    return codec.encode_server(version, echo.open_order(record, UNIVERSE[AAPL]))


def library_reads(library: ModuleType, version: int, fields: list[str]) -> tuple[Any, Any]:
    """Return contract and order as a library's decoder hands them on."""
    received: list[Any] = []
    wrapper = SimpleNamespace(
        openOrder=lambda order_id, contract, order, state: received.append((contract, order))
    )
    library.decoder.Decoder(wrapper, version).interpret(fields)
    (contract, order) = received[0]
    return contract, order


def official_reads(fields: list[str]) -> tuple[Any, Any]:
    """Return contract and order as IB's own decoder hands them on."""
    received: list[Any] = []
    wrapper = EWrapper()
    wrapper.openOrder = lambda order_id, contract, order, state: received.append((contract, order))
    OfficialDecoder(wrapper, 157).interpret([field.encode() for field in fields])
    (contract, order) = received[0]
    return contract, order


def filled(order: Any, terms: dict[str, Any], tag: Callable[[str, str], Any]) -> Any:
    plain = {"action": "BUY", "totalQuantity": 100, "orderType": "LMT", "lmtPrice": 230.5}
    for name, value in {**plain, **terms}.items():
        setattr(order, name, [tag(*pair) for pair in value] if name in _TAGS else value)
    return order


def assert_repeated(order: Any, terms: dict[str, Any], version: int) -> None:
    for name, value in terms.items():
        if version < _SINCE.get(name, 0):
            continue
        received = getattr(order, name)
        if name in _TAGS:
            assert [(tag.tag, tag.value) for tag in received] == value
        else:
            assert received == value, name


@pytest.fixture(autouse=True)
def _no_decoder_complains(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.ERROR)
    yield
    assert not caplog.records


@pytest.mark.parametrize("terms", CASES)
@pytest.mark.parametrize(
    ("library", "version"),
    [(ib_async, 157), (ib_async, 163), (ib_async, 165), (ib_async, 176), (ib_async, 178), (ib_insync, 176)],
)
def test_a_librarys_order_is_repeated_to_it(library: ModuleType, version: int, terms: dict[str, Any]) -> None:
    stock = library.Contract(conId=AAPL, symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    order = filled(library.Order(), terms, library.TagValue)
    placed = codec.decode_client(version, library_frame(library, version, stock, order))
    assert isinstance(placed, PlaceOrder)
    _, received = library_reads(library, version, repeated(version, placed))
    assert_repeated(received, terms, version)


@pytest.mark.parametrize("terms", CASES)
def test_the_official_clients_order_is_repeated_to_it(terms: dict[str, Any]) -> None:
    stock = OfficialContract()
    stock.conId, stock.symbol, stock.secType, stock.exchange = AAPL, "AAPL", "STK", "SMART"
    known = {name: value for name, value in terms.items() if name not in _SINCE}
    order = filled(OfficialOrder(), known, OfficialTag)
    placed = codec.decode_client(157, official_frame(stock, order))
    assert isinstance(placed, PlaceOrder)
    _, received = official_reads(repeated(157, placed))
    assert_repeated(received, known, 157)


def test_the_official_clients_conditions_and_legs_are_repeated_to_it() -> None:
    bag = OfficialContract()
    bag.symbol, bag.secType, bag.exchange, bag.currency = "AAPL", "BAG", "SMART", "USD"
    bag.comboLegs = [_leg(AAPL, 1, "BUY"), _leg(272093, 2, "SELL")]
    order = filled(OfficialOrder(), {}, OfficialTag)
    order.orderComboLegs = [OfficialLegPrice(), OfficialLegPrice()]
    order.orderComboLegs[0].price, order.orderComboLegs[1].price = 1.5, 2.5
    order.smartComboRoutingParams = [OfficialTag("NonGuaranteed", "1")]
    order.conditions = [
        order_condition.PriceCondition(2, AAPL, "SMART", True, 240.5),
        order_condition.TimeCondition(True, "20261123 15:00:00 UTC"),
        order_condition.MarginCondition(False, 30),
        order_condition.ExecutionCondition("STK", "SMART", "MSFT"),
        order_condition.VolumeCondition(AAPL, "SMART", True, 1000),
        order_condition.PercentChangeCondition(AAPL, "SMART", True, 2.5),
    ]
    order.conditionsIgnoreRth = order.conditionsCancelOrder = True
    placed = codec.decode_client(157, official_frame(bag, order))
    assert isinstance(placed, PlaceOrder)
    contract, received = official_reads(repeated(157, placed))
    assert [(leg.conId, leg.ratio, leg.action) for leg in contract.comboLegs] == [
        (AAPL, 1, "BUY"),
        (272093, 2, "SELL"),
    ]
    assert [leg.price for leg in received.orderComboLegs] == [1.5, 2.5]
    assert [(tag.tag, tag.value) for tag in received.smartComboRoutingParams] == [("NonGuaranteed", "1")]
    assert [type(c) for c in received.conditions] == [type(c) for c in order.conditions]
    assert [vars(condition) for condition in received.conditions] == [
        vars(condition) for condition in order.conditions
    ]
    assert received.conditionsIgnoreRth
    assert received.conditionsCancelOrder


def _leg(con_id: int, ratio: int, action: str) -> OfficialLeg:
    leg = OfficialLeg()
    leg.conId, leg.ratio, leg.action, leg.exchange = con_id, ratio, action, "SMART"
    return leg


def test_a_delta_neutral_contract_decodes() -> None:
    option = OfficialContract()
    option.symbol, option.secType, option.exchange = "AAPL", "OPT", "SMART"
    option.deltaNeutralContract = OfficialDeltaNeutral()
    option.deltaNeutralContract.conId, option.deltaNeutralContract.delta = AAPL, 0.5
    option.deltaNeutralContract.price = 230.5
    placed = codec.decode_client(157, official_frame(option, filled(OfficialOrder(), {}, OfficialTag)))
    assert isinstance(placed, PlaceOrder)
    (hedge,) = placed.contract.delta_neutrals
    assert (hedge.con_id, hedge.delta, hedge.price) == (AAPL, Decimal("0.5"), Decimal("230.5"))
