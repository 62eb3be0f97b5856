"""Fields that exist only from, or until, some server version (tws-wire section 3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from brokers.simulator.wire import client, client_reference, codec, server, server_data, server_reference
from brokers.simulator.wire.order_reports import CompletedOrder, OpenOrder
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.records import Contract, Execution, Order, OrderState, Record

VERSIONS = [151, 157, 158, 160, 162, 163, 164, 165, 166, 169, 170, *range(174, 201)]
OPEN = OpenOrder(order_id=1, contract=Contract(), order=Order(), state=OrderState())
DONE = CompletedOrder(contract=Contract(), order=Order(), state=OrderState())


def placed(**terms: Any) -> PlaceOrder:
    exchange = terms.pop("exchange", "")
    return PlaceOrder(order_id=1, contract=Contract(exchange=exchange), order=Order(**terms))


#: What every placeOrder gains after 178; requests for quotes came and went again.
LATER = {183: 1, 184: 1, 187: 2, 189: 1, 190: -2, 192: 1, 199: 1}
#: A message, and from which version on how many fields it has more (or fewer) than at 151.
CLIENT: list[tuple[Record, dict[int, int]]] = [
    (placed(), {158: 1, 160: 1, 162: 1, 166: 1, 169: 1, 177: -1, **LATER}),
    (placed(exchange="IBKRATS"), {158: 1, 160: 1, 162: 1, 166: 1, 169: 1, 170: 1, 177: -1, **LATER}),
    (placed(order_type="PEG MID"), {158: 1, 160: 1, 162: 1, 166: 1, 169: 1, 170: 2, 177: -1, **LATER}),
    (placed(order_type="PEG BEST"), {158: 1, 160: 1, 162: 1, 166: 1, 169: 1, 170: 2, 177: -1, **LATER}),
    (
        placed(order_type="PEGBEST", compete_against_best_offset="Infinite"),
        {158: 1, 160: 1, 162: 1, 166: 1, 169: 1, 170: 4, 177: -1, **LATER},
    ),
    # 192 takes the message version and adds two
    (client.CancelOrder(order_id=1), {169: 1, 187: 3, 190: -3, 192: 1}),
    (client.ReqGlobalCancel(), {192: 1}),
    (client.ReqContractData(req_id=1, contract=Contract()), {176: 1}),
    (client.ReqMktData(req_id=1, contract=Contract()), {}),
    (client.ReqExecutions(req_id=1), {200: 2}),
    (client_reference.ReplaceFa(kind=1), {157: 1}),
]
SERVER: list[tuple[Record, dict[int, int]]] = [
    (
        OPEN,
        {158: 1, 160: 1, 162: 1, 170: 5, 177: -1, 183: 1, 184: 1, 185: 1, 189: 1, 193: 2, 195: 13}
        | {198: 1, 199: 1},
    ),
    (DONE, {170: 5, 177: -1, 183: 1, 184: 1, 198: 1}),
    # 194 takes the message version and adds a time
    (server.ErrMsg(req_id=1, code=2, text="x"), {166: 1, 194: 0}),
    (
        server.ExecutionData(req_id=1, order_id=1, contract=Contract(), execution=Execution()),
        {178: 1, 198: 1},
    ),
    # 163 adds a field, 164 takes the message version, the size multiplier and that field, and adds three
    (server.ContractData(req_id=1, contract=Contract()), {152: 1, 163: 1, 164: 0, 182: 1, 186: 1}),
    (
        server.ContractData(req_id=1, contract=Contract(sec_type="FUND")),
        {152: 1, 163: 1, 164: 0, 179: 17, 182: 1, 186: 1},
    ),
    (server_data.HistoricalData(req_id=1), {196: -2}),
    (server_reference.BondContractData(req_id=1, contract=Contract()), {164: 1, 188: 3}),
    (server_data.TickOptionComputation(req_id=1, tick_type=13), {156: 0}),
    (
        server_reference.SymbolSamples(
            req_id=1,
            samples=(
                server_reference.SymbolSample(
                    con_id=1, symbol="A", sec_type="STK", primary_exchange="X", currency="USD"
                ),
            ),
        ),
        {176: 2},
    ),
    (server.OrderStatus(order_id=1, status="Filled"), {}),
]


def id_of(case: Any) -> str:
    return type(case).__name__ if isinstance(case, Record) else ""


@pytest.mark.parametrize(("message", "gates"), CLIENT, ids=id_of)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_clients_say_has_the_fields_of_its_version(
    message: Record, gates: dict[int, int], version: int
) -> None:
    more = len(codec.encode_client(version, message)) - len(codec.encode_client(151, message))
    assert more == sum(change for gate, change in gates.items() if gate <= version)


@pytest.mark.parametrize(("message", "gates"), SERVER, ids=id_of)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_gateway_says_has_the_fields_of_its_version(
    message: Record, gates: dict[int, int], version: int
) -> None:
    more = len(codec.encode_server(version, message)) - len(codec.encode_server(151, message))
    assert more == sum(change for gate, change in gates.items() if gate <= version)


@pytest.mark.parametrize(("version", "count"), [(157, 110), (163, 113), (165, 113), (176, 115), (178, 114)])
def test_a_plain_order_has_as_many_fields_as_recorded_clients_send(version: int, count: int) -> None:
    assert len(codec.encode_client(version, placed())) == count


@pytest.mark.parametrize(
    ("message", "position"),
    [
        (server.TickSize(req_id=1, tick_type=0, size=Decimal("0.25")), -1),
        (server_data.MarketDepth(req_id=1, position=0, operation=0, side=0, size=Decimal("1.5")), -1),
        (
            server_data.HistogramData(
                req_id=1, rows=(server_data.HistogramRow(price=None, count=Decimal("2.5")),)
            ),
            -1,
        ),
    ],
    ids=id_of,
)
def test_older_clients_read_sizes_as_integers(message: Record, position: int) -> None:
    assert "." not in codec.encode_server(162, message)[position]
    assert "." in codec.encode_server(163, message)[position]


@pytest.mark.parametrize(("message", "gates"), [*CLIENT, *SERVER], ids=id_of)
@pytest.mark.parametrize("version", [157, 163, 178, 187, 200])
def test_a_message_that_lacks_its_last_field_is_refused(
    message: Record, gates: dict[int, int], version: int
) -> None:
    is_client = any(message is known for known, _ in CLIENT)
    encode, decode = (
        (codec.encode_client, codec.decode_client)
        if is_client
        else (codec.encode_server, codec.decode_server)
    )
    fields = encode(version, message)
    assert encode(version, decode(version, fields)) == fields
    with pytest.raises(codec.WireError):
        decode(version, fields[:-1])
