"""FIX order state changes: every scenario by its id, every branch, crossing, repetition and restart."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from brokers.models import Instrument
from orders.models import AccountLimit
from tests.examples import one_in
from tests.integration.orders.fix_player import Player
from tests.integration.orders.fix_tables import Path_, all_paths, crossings, scenarios
from tests.seeded import seed_again

PATHS = all_paths()
CROSSED = [path.crossed() for path in PATHS if crossings(path.rows)]


@pytest.fixture
def client_(db: None, settings: Any) -> User:
    main = replace(settings.BROKER_SESSIONS["main"], adapter="brokers.fix44.translate.Translator")
    settings.BROKER_SESSIONS = {**settings.BROKER_SESSIONS, "main": main}
    seed_again(settings)
    Instrument.objects.filter(symbol="AAPL").update(con_id=265598, min_tick=Decimal("0.01"))
    AccountLimit.objects.update(max_order_qty=Decimal(1_000_000), max_notional=Decimal(1_000_000_000))
    return User.objects.create_user("algo")


@pytest.mark.parametrize("path", one_in(2, PATHS), ids=lambda path: path.name)
def test_scenario_also_with_a_restart_in_some_gap(client_: User, path: Path_) -> None:
    """In every gap: tests/soak/test_fix_restarts.py."""
    Player(client_).assert_plays(path.rows, restart_in=path.some_gap)


@pytest.mark.parametrize("path", CROSSED, ids=lambda path: path.name)
def test_scenario_when_crossing_messages_arrive_the_other_way_round(client_: User, path: Path_) -> None:
    Player(client_).assert_plays(path.rows, restart_in=path.some_gap)


@pytest.mark.soak  # 141 of them
@pytest.mark.parametrize("path", [*PATHS, *CROSSED], ids=lambda path: path.name)
def test_scenario_with_every_word_twice_and_a_restart_between_any_two(client_: User, path: Path_) -> None:
    Player(client_, repeat=True, restart=True).assert_plays(path.rows)


def test_a_scenario_of_the_published_form_is_read_too() -> None:
    text = """### X.1.a [K] corrected

| t | dir | msg | id | ExecType | OrdStatus | OrderQty | CumQty | LeavesQty | LastQty | note |
|---|---|---|---|---|---|---|---|---|---|---|
| 1 | C>B | NEW | X |  |  | 10000 |  |  |  | GTC |
| 2r | B>C | EXEC | X | Rejected | Rejected | 10000 | 0 | 0 | 0 |  |
| 2 | B>C | EXEC | X | TradeCorrect | PartiallyFilled | 10000 | 2500 | 7500 | 1500 | ExecID F refs B |
"""
    ((name, rows),) = scenarios(text)
    assert (name, len(rows), rows[0].more) == ("X.1.a", 3, {"tif": "GTC"})
    assert (rows[2].ord_status, rows[2].last_qty) == ("PARTIALLY_FILLED", 1500)
    assert rows[2].more == {"exec": "F", "refs": "B"}
