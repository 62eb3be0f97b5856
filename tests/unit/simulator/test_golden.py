"""The codec against real recorded frames, and frames made by real clients."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.simulator.wire import codec
from brokers.simulator.wire.place_order import PlaceOrder

GOLDEN = Path(__file__).parents[2] / "data/golden/tws_messages.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
# Frames of which the source's recorder added one empty field at the end.
RECORDER_SURPLUS = {
    "s2c-accountUpdateMulti-na-001",
    "s2c-accountUpdateMulti-na-002",
    "s2c-contractData-165-001",
}


def rows(direction: str, message: str = "") -> list[Any]:
    return [
        pytest.param(row, id=row["id"])
        for row in ROWS
        if row["direction"] == direction
        and (row["server_version"] or codec.NEWEST_VERSION) <= codec.NEWEST_VERSION
        and message in ("", row["message"])
        and row["message"] != "handshakeReply"
    ]


@pytest.mark.parametrize("row", rows("server"))
def test_recorded_server_messages_come_back_field_for_field(row: dict[str, Any]) -> None:
    # Rows without a version have no version gates in them; 176 is what most of their time spoke.
    version = row["server_version"] or 176
    fields = row["fields"][:-1] if row["id"] in RECORDER_SURPLUS else row["fields"]
    assert codec.encode_server(version, codec.decode_server(version, fields)) == fields


@pytest.mark.parametrize("row", rows("client"))
def test_client_messages_come_back_but_for_the_spelling_of_unset(row: dict[str, Any]) -> None:
    version, fields = row["server_version"], row["fields"]
    again = codec.encode_client(version, codec.decode_client(version, fields))
    assert again[: len(fields)] == [_unset_is_empty(text) for text in fields]
    # Only START_API may be shorter than its layout.
    assert len(again) == len(fields) or row["message"] == "startApi"


def _unset_is_empty(text: str) -> str:
    return "" if "E+308" in text.upper() or text == "2147483647" else text


MEANT: dict[str, dict[str, object]] = {
    "MKT": {"action": "BUY", "total_quantity": 100, "order_type": "MKT", "lmt_price": None, "tif": "DAY"},
    "LMT": {"action": "SELL", "total_quantity": 50, "order_type": "LMT", "lmt_price": Decimal("187.25")},
    "STP": {"action": "SELL", "order_type": "STP", "aux_price": Decimal("170.5"), "tif": "GTC"},
    "TRAIL amount": {"aux_price": Decimal("1.5"), "trail_stop_price": 180, "trailing_percent": None},
    "TRAIL percent": {"aux_price": None, "trail_stop_price": 180, "trailing_percent": 2},
    "TRAIL LIMIT": {"trail_stop_price": 180, "lmt_price_offset": Decimal("0.05")},
    "TIF FOK": {"tif": "FOK", "lmt_price": 186},
    "OCA leg 1": {"oca_group": "grp-1", "oca_type": 1},
    "OCA leg 2": {"oca_group": "grp-1", "oca_type": 2},
    "bracket parent transmit=0": {"transmit": False, "parent_id": 0},
    "bracket take-profit transmit=0": {"transmit": False, "parent_id": 120},
    "bracket stop transmit=1": {"transmit": True, "parent_id": 120, "aux_price": 178},
    "hidden+allOrNone+minQty": {"hidden": True, "all_or_none": True, "min_qty": 100, "display_size": 50},
    "adjustable stop": {"adjusted_order_type": "STP", "trigger_price": 190, "adjusted_stop_price": 185},
    "PEG BEST (IBKRATS)": {
        "min_trade_qty": 100,
        "min_compete_size": 50,
        "compete_against_best_offset": "Infinite",
        "mid_offset_at_whole": Decimal("0.01"),
        "mid_offset_at_half": Decimal("0.005"),
    },
    "PEG MID offsets": {"mid_offset_at_whole": Decimal("0.01"), "mid_offset_at_half": Decimal("0.005")},
}


@pytest.mark.parametrize("version", [157, 163, 176, 178])
@pytest.mark.parametrize("kind", MEANT)
def test_orders_decode_to_what_was_meant(kind: str, version: int) -> None:
    rows = [row for row in ROWS if row.get("kind") == kind and row["server_version"] == version]
    for row in rows:
        message = codec.decode_client(version, row["fields"])
        assert isinstance(message, PlaceOrder)
        gone = version < 170 and kind.startswith("PEG")  # those offsets exist from 170 on
        meant = {} if gone else MEANT[kind]
        assert {name: getattr(message.order, name) for name in meant} == meant
    assert rows or version in (157, 163)


def test_combo_legs_and_conditions_decode_to_what_was_meant() -> None:
    by_kind = {row.get("kind"): row["fields"] for row in ROWS if row["server_version"] == 178}
    combo = codec.decode_client(178, by_kind["combo per-leg prices"])
    priced = codec.decode_client(178, by_kind["time+margin conditions"])
    assert isinstance(combo, PlaceOrder)
    assert isinstance(priced, PlaceOrder)
    assert [(leg.con_id, leg.action) for leg in combo.contract.combo_legs] == [
        (675811965, "BUY"),
        (675811999, "SELL"),
    ]
    assert [leg.price for leg in combo.order.leg_prices] == [Decimal("5.1"), Decimal("2.75")]
    assert [(c.kind, c.conjunction, c.value) for c in priced.order.conditions] == [
        (3, "a", "20260331 10:00:00 US/Eastern"),
        (4, "o", "30"),
    ]
    assert priced.order.conditions_cancel_order


@pytest.mark.parametrize(("version", "count"), [(157, 110), (163, 113), (176, 115), (178, 114)])
def test_a_plain_order_has_the_field_count_of_its_version(version: int, count: int) -> None:
    fields = next(
        row["fields"]
        for row in ROWS
        if row.get("kind") == "MKT"
        and version in (row["server_version"], *row.get("also_server_versions", []))
    )
    assert len(fields) == count
    assert len(codec.encode_client(version, codec.decode_client(version, fields))) == count
