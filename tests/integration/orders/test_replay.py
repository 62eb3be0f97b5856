"""Limits asked about the past: what they would have refused, and nothing is changed."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from brokers.fix import Side
from orders.models import Cause, Order
from orders.store.orders import store_orders
from tests.integration.orders.test_use_limits import ACCOUNT, desk, limit, place, ticket

__all__ = ["desk"]


def today() -> str:
    """Asked when a test runs: a run may go on over midnight."""
    return f"{timezone.now():%Y-%m-%d}"


def replayed(tmp_path: Path, limits: dict[str, Any] | str = "") -> dict[str, Any]:
    path, out = tmp_path / ("l.csv" if isinstance(limits, str) else "l.json"), StringIO()
    path.write_text(limits if isinstance(limits, str) else json.dumps(limits))
    more = ["--limits", str(path)] if limits else []
    call_command("risk", "replay", "--from", today(), "--json", *more, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_present_limits_refuse_what_was_refused_and_no_more(desk: User, tmp_path: Path) -> None:
    place(desk, ticket(), ticket(order_qty=Decimal(20_000)))
    found = replayed(tmp_path)
    assert (found["orders"], found["codes"]) == (2, {"QTY_ABOVE_LIMIT": 1})
    assert found["refused"][0]["then"] == "QTY_ABOVE_LIMIT"


@pytest.mark.parametrize(
    ("limits", "codes"),
    [
        ({f"account:{ACCOUNT}": {"max_order_qty": "9"}}, {"QTY_ABOVE_LIMIT": 3}),
        ({f"account:{ACCOUNT}": {"max_position_qty": "20"}}, {"POSITION_ABOVE_LIMIT": 1}),
        ({"firm": {"max_open_orders": 1}}, {"OPEN_ORDERS_ABOVE_LIMIT": 2}),
        ({"user:algo": {"max_duplicates_per_minute": 2}}, {"DUPLICATES_ABOVE_LIMIT": 1}),
        ({"firm": {"max_gross_notional": 4000, "currency": "USD"}}, {"GROSS_EXPOSURE_ABOVE_LIMIT": 1}),
        (f"scope,field,value\naccount:{ACCOUNT},max_notional,999\n", {"NOTIONAL_ABOVE_LIMIT": 3}),
    ],
)
def test_proposed_limits_say_what_they_would_have_refused(
    desk: User, tmp_path: Path, limits: Any, codes: dict[str, int]
) -> None:
    assert place(desk, ticket(), ticket(), ticket()) == ["", "", ""]
    assert replayed(tmp_path, limits)["codes"] == codes
    assert Order.objects.filter(state="CREATED").count() == 3


def test_what_had_ended_made_room_then_too(desk: User, tmp_path: Path) -> None:
    place(desk, ticket())
    order = Order.objects.get()
    order.fail(Cause(actor="test", at=timezone.now()))
    store_orders([order])
    place(desk, ticket(), ticket(side=Side.SELL))
    found = replayed(tmp_path, {"firm": {"max_open_orders": 2, "max_position_qty": 10}})
    assert found["codes"] == {}


def test_a_proposed_limit_that_is_none_is_named(desk: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no limit 'max_everything'"):
        replayed(tmp_path, {"firm": {"max_everything": 1}})


def test_lines_say_value_limit_and_what_happened_then(desk: User) -> None:
    place(desk, ticket())
    limit(max_order_qty=5)
    out = StringIO()
    call_command("risk", "replay", "--from", today(), stdout=out)
    first, *_, last, note = out.getvalue().splitlines()
    assert "QTY_ABOVE_LIMIT account:DU1234567 max_order_qty: 10 against 5 (then accepted)" in first
    assert last == "1 orders, 1 would have been refused."
    assert note.startswith("Not replayed: ")
