"""Five days of a desk, each with one planted difference: the books find it, and nothing else.

Real processes, killed and started again each night. The days are simulated from behind: each is today, and
becomes the past when all that the database says was is moved back by a day, over a weekend by three. The seed
says on which day what is planted: a split, a bust, an option that expires, an execution that nobody was
told of, a commission that is charged otherwise than it was told.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from brokers.simulator.exchange.universe import load_universe
from tests.soak.ledger_statement import ACCOUNT, LedgerDay, flex
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

AAPL, MSFT = 265598, 272093
PLANTS = ("split", "bust", "expiry", "lost execution", "commission")
RATIOS = ((4, 1), (3, 2), (1, 10))
NEW_YORK = ZoneInfo("America/New_York")
#: What a person looks at and nothing closes by itself: limits after a split, what the broker must correct.
STAYS = {"split": ("STATEMENT", "ACTION"), "commission": ("STATEMENT", "TRADE")}
Break = tuple[str, str]


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    often = dict.fromkeys(("TRADEDESK_RECONCILE_ORDERS_EVERY", "TRADEDESK_RECONCILE_POSITIONS_EVERY"), "3")
    often["TRADEDESK_END_OF_DAY"] = "23:59 America/New_York"  # the evening's days are those of the trades
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS, **often) as system:
        yield system


@pytest.mark.parametrize("seed", [int(os.environ.get("FIVE_DAYS_SEED", "20261128"))])
def test_five_days_find_what_was_planted_and_nothing_else(stack: System, seed: int, tmp_path: Path) -> None:
    week = Week(stack, random.Random(seed), tmp_path)
    plants = os.environ.get("FIVE_DAYS_PLANTS", ",".join(PLANTS)).split(",")
    week.chance.shuffle(plants)
    for number, plant in enumerate(plants, 1):
        week.trade_day(plant)
        week.statement_day(plant)
        week.report_day()
        week.night(days=3 if number == 3 else 1)
    assert week.ever_open() <= set().union(*(week.may_open(plant) for plant in plants))


class Week:
    """The desk and what the test knows of it. `stays` are breaks that nobody resolves."""

    def __init__(self, stack: System, chance: random.Random, folder: Path) -> None:
        self.stack, self.chance, self.folder = stack, chance, folder
        self.option = next(one for one in load_universe(None, datetime.now(UTC).date()).options(AAPL))
        self.executed: set[str] = set()
        self.changed = 0
        self.stays: set[Break] = set()
        self.told: LedgerDay | None = None
        self.lost: dict[str, Any] = {}
        self.split: tuple[int, int] = (1, 1)
        stack.environment["TRADEDESK_PERSON_PASSWORD"] = stack.environment["TRADEDESK_DESK_PASSWORD"]
        if "TRADEDESK_APPROVER_PASSWORD" not in stack.environment:
            approver = (stack.options.data / "approver_password").read_text().strip()
            stack.environment["TRADEDESK_APPROVER_PASSWORD"] = approver
        for symbol in ("AAPL", "MSFT"):
            self.buy(symbol, chance.randrange(50, 200))
        self.buy_option()
        self.ledger_day()
        self.night(days=1)  # the account has been looked at before the week begins

    # --- a day -------------------------------------------------------------------------------------------
    def trade_day(self, plant: str) -> None:
        """Trade a little; what is planted is found by the comparison at once, where it can be."""
        keep_off_midnight()
        if plant == "split":
            self.split = self.chance.choice(RATIOS)
            said = {"symbol": "AAPL", "numerator": self.split[0], "denominator": self.split[1]}
            self.stack.control.post("/split", json=said).raise_for_status()
            self.until_open(("POSITION", str(AAPL)))
        for _ in range(3):
            self.buy(self.chance.choice(("AAPL", "MSFT")), self.chance.randrange(1, 30))
        if plant == "bust":
            self.stack.control.fault(kind="bust_execution", count=1, delay_ms=1000)
            self.buy("MSFT", 5, states=("COMPLETED", "FILLED", "PENDING", "PARTIALLY_FILLED", "CANCELED"))
            busted = "SELECT 1 FROM orders_execution WHERE last_qty = 0"
            eventually(lambda: self.stack.rows(busted), limit=120)
        if plant == "lost execution":
            self.lose_an_execution()
            self.until_open(("POSITION", str(MSFT)))
        if plant == "expiry":
            said = {"symbol": self.option.local_symbol}
            self.stack.control.post("/option-end", json=said).raise_for_status()
            self.until_open(("POSITION", str(self.option.con_id)))

    def statement_day(self, plant: str) -> None:
        """Read the day's statement: it explains or finds, and what it explains closes itself."""
        told = self.ledger_day()
        if plant == "commission":
            told.overcharged[self.chance.choice(told.executions)["exec_id"]] = Decimal("0.5")
        self.told = told
        file = self.folder / f"{uuid4()}.xml"
        file.write_bytes(flex(told))
        self.stack.manage("statement", str(file))
        if plant in STAYS:
            self.stays.add(STAYS[plant])
        if plant == "lost execution":
            assert ("STATEMENT", "TRADE") in self.open_breaks()
            self.enter_what_was_lost()
            self.stack.manage("statement", str(file))
        eventually(self.nothing_else_is_open, limit=240)

    def report_day(self) -> None:
        """The numbers of the evening are those of a recount of the ledger."""
        assert self.told
        self.told.positions, self.told.cash = self.ledger("positions"), self.ledger("cash")
        recounted = recount(self.told)
        eventually(lambda: self.reported(self.told.day) == recounted, limit=120)  # type: ignore[union-attr]

    def night(self, days: int) -> None:
        """Everything dies; the gateway's day ends; all becomes so many days older; everything starts."""
        names = [name for name in self.stack.running if name != "simgateway"]
        self.stack.kill(*names)
        self.stack.control.fault(kind="midnight")
        age(self.stack, days)
        self.stack.start(*names)
        self.stack.wait_until_ready()

    # --- acts ---------------------------------------------------------------------------------------------
    def buy(self, symbol: str, quantity: int, states: tuple[str, ...] = ("COMPLETED",)) -> None:
        terms = {"cl_ord_id": f"five-{uuid4()}", "order_qty": str(quantity), "max_age": "600"}
        order = self.stack.api.placed(symbol, **terms)
        eventually(lambda: self.stack.api.state(order["id"]) in states, limit=120)

    def buy_option(self) -> None:
        contract = {
            **{"symbol": "AAPL", "sec_type": "OPT", "exchange": "SMART", "currency": "USD"},
            **{"maturity": self.option.expiry, "strike_price": str(self.option.strike)},
            "put_or_call": {"C": "CALL", "P": "PUT"}[self.option.right],
        }
        order = self.stack.api.placed(
            instrument=contract, order_qty="2", ord_type="LIMIT", price="90", max_age="600"
        )
        eventually(lambda: self.stack.api.state(order["id"]) == "COMPLETED", limit=120)

    def lose_an_execution(self) -> None:
        """An order fills while nobody of ours is there, and then the gateway's day is over."""
        order = self.stack.api.placed("MSFT", order_qty="7", ord_type="LIMIT", price="100", max_age="600")
        eventually(lambda: self.stack.api.state(order["id"]) == "PENDING", limit=120)
        self.stack.kill("broker")
        self.stack.control.post("/prices", json={"symbol": "MSFT", "price": "90"}).raise_for_status()
        eventually(lambda: self.filled(order["order_ref"]) == 7, limit=120)
        self.stack.control.fault(kind="midnight")
        self.stack.start("broker")
        self.stack.wait_until_ready()
        self.lost = order

    def enter_what_was_lost(self) -> None:
        """Two persons book what the statement has."""
        held = "SELECT 1 FROM orders_order WHERE id = %s AND held_for_desk"
        eventually(lambda: self.stack.rows(held, self.lost["id"]), limit=240)
        (row,) = [one for one in self.ledger("executions") if one["order_ref"] == self.lost["order_ref"]]
        self.stack.manage(
            *("enterexecution", self.lost["id"], "--exec-id", row["exec_id"], "--qty", row["shares"]),
            *("--px", row["price"], "--time", row["time"], "--commission", row["commission"]),
            *("--currency", "USD", "--by", "desk", "--approved-by", "approver", "--reason", "statement"),
        )

    # --- what is known -----------------------------------------------------------------------------------
    def until_open(self, wanted: Break) -> None:
        eventually(lambda: wanted in self.open_breaks(), limit=240)

    def open_breaks(self) -> set[Break]:
        rows = self.stack.rows("SELECT kind, key FROM orders_break WHERE closed_at IS NULL")
        return {_named(*row) for row in rows}

    def ever_open(self) -> set[Break]:
        """What anybody was told of, whether it is open still or was closed since."""
        return {_named(*row) for row in self.stack.rows("SELECT DISTINCT kind, key FROM orders_break")}

    def may_open(self, plant: str) -> set[Break]:
        """All that may be told of a plant, if only until the statement explains it; of a bust nothing."""
        option, aapl, msft = str(self.option.con_id), str(AAPL), str(MSFT)
        lost = {("ORDER", str(self.lost.get("id", ""))), ("POSITION", msft), ("STATEMENT", "TRADE")}
        return {
            "split": {("POSITION", aapl), ("CASH", "USD"), ("STATEMENT", "ACTION")},
            "bust": set(),
            "expiry": {("POSITION", option)},
            "lost execution": lost | {("CASH", "USD")},
            "commission": {("STATEMENT", "TRADE")},
        }[plant]

    def nothing_else_is_open(self) -> bool:
        texts = self.stack.rows("SELECT text FROM orders_break WHERE closed_at IS NULL")
        assert self.open_breaks() == self.stays, texts
        return True

    def ledger(self, what: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.stack.control.get(f"/{what}").raise_for_status().json()
        return rows

    def filled(self, order_ref: str) -> Decimal:
        return sum(
            (Decimal(one["filled"]) for one in self.stack.control.orders() if one["order_ref"] == order_ref),
            Decimal(0),
        )

    def ledger_day(self) -> LedgerDay:
        """What the gateway did since the last day."""
        rows, changes = self.ledger("executions"), self.ledger("changes")
        new = [one for one in rows if one["exec_id"].rpartition(".")[0] not in self.executed]
        self.executed |= {one["exec_id"].rpartition(".")[0] for one in rows}
        self.changed, since = len(changes), self.changed
        for one in new:
            one["multiplier"] = "100" if one["con_id"] == self.option.con_id else "1"
        return LedgerDay(
            day=datetime.now(NEW_YORK).date(),
            executions=[one for one in new if Decimal(one["shares"])],
            changes=[one | {"underlying": AAPL} for one in changes[since:]],
            positions=self.ledger("positions"),
            cash=self.ledger("cash"),
            splits=["{} FOR {}".format(*self.split)]
            if any(one["kind"] == "SPLIT" for one in changes[since:])
            else [],
        )

    def reported(self, day: date) -> dict[str, Any]:
        """The same as `recount`, by the report."""
        command = ("report", "end-of-day", "--account", ACCOUNT, "--date", day.isoformat())
        sections = json.loads(self.stack.manage(*command))["sections"]
        return {
            "traded": {
                (row["con_id"], row["side"]): (Decimal(row["qty"]), Decimal(row["value"]), row["fills"])
                for row in sections["traded"]
            },
            "commission": sum(Decimal(row["commission"] or 0) for row in sections["commissions"]),
            "realized": sum(Decimal(row["realized_pnl"] or 0) for row in sections["commissions"]),
            "positions": {row["con_id"]: Decimal(row["position_qty"]) for row in sections["positions"]},
            "cash": {row["currency"]: cents(row["amount"]) for row in sections["cash"]},
        }


def _named(kind: str, key: str) -> Break:
    """Kind, and contract or currency; of statements the part."""
    return kind, key.split(" ")[1] if " " in key else key


def recount(told: LedgerDay) -> dict[str, Any]:
    """What the day came to by the gateway's own ledger."""
    traded: dict[tuple[int, str], tuple[Decimal, Decimal, int]] = {}
    for one in told.executions:
        key = (one["con_id"], "BUY" if one["side"] == "BOT" else "SELL")
        quantity, value, fills = traded.get(key, (Decimal(0), Decimal(0), 0))
        shares = Decimal(one["shares"])
        worth = shares * Decimal(one["price"]) * Decimal(one["multiplier"])
        traded[key] = (quantity + shares, value + worth, fills + 1)
    held = {one["con_id"]: Decimal(one["position"]) for one in told.positions}
    return {
        "traded": traded,
        "commission": sum(Decimal(one["commission"]) for one in told.executions),
        "realized": sum(Decimal(one["realized_pnl"] or 0) for one in told.executions),
        "positions": {con_id: quantity for con_id, quantity in held.items() if quantity},
        "cash": {one["currency"]: cents(one["amount"]) for one in told.cash},
    }


def cents(amount: str) -> Decimal:
    """The broker tells cash in cents."""
    return round(Decimal(amount), 2)


def age(stack: System, days: int) -> None:
    """All that the database says was, or is due, was so many days earlier.

    By way of a far past: of two rows that are one day apart neither ever has the day of the other.
    """
    found = stack.rows(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        " JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND data_type IN ('date', 'timestamp with time zone') AND table_name ~ '^(orders|brokers)_'"
        " GROUP BY table_name"
    )
    with stack.connect() as connection:
        connection.execute("SET session_replication_role = replica")  # what never changes is aged, too
        for shift in (f"- interval '{1000 + days} days'", "+ interval '1000 days'"):
            for table, columns in found:
                shifted = ", ".join(f"{column} = {column} {shift}" for column in columns)
                connection.execute(f"UPDATE {table} SET {shifted}".encode())
        for table, column in (("orders_break", "key"), ("orders_alert", "subject")):
            day = f"substring({column} from ' (2[0-9]{{7}}) ')"
            earlier = f"to_char(to_date({day}, 'YYYYMMDD') - {days}, 'YYYYMMDD')"
            moved = f"SET {column} = replace({column}, {day}, {earlier})"
            connection.execute(f"UPDATE {table} {moved} WHERE {day} <> ''".encode())


def keep_off_midnight() -> None:
    """Wait where the day would end while it is simulated, in New York or by UTC."""
    for zone in (NEW_YORK, UTC):
        now = datetime.now(zone)
        left = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), zone) - now
        if left < timedelta(minutes=15):
            time.sleep(left.total_seconds() + 5)
