"""True books over what no process survives as it was: restored databases, frozen holders, wrong clocks.

Real processes; each ends with every order once at the gateway, and the same here.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System

ACCOUNT = "DU1234567"
OVER = ("COMPLETED", "CANCELED", "EXPIRED", "REJECTED", "FAILED")


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS) as system:
        yield system


def resting() -> dict[str, Any]:
    return {"cl_ord_id": f"books-{uuid.uuid4()}", "ord_type": "LIMIT", "price": "1.00"}


def market() -> dict[str, Any]:
    return {"cl_ord_id": f"books-{uuid.uuid4()}", "max_age": "60"}


def wait(stack: System, order: dict[str, Any], *states: str) -> None:
    eventually(lambda: stack.api.state(order["id"]) in states, limit=120)


def session(stack: System) -> dict[str, Any]:
    (row,) = stack.api.get("/sessions").json()["results"]
    return dict(row)


def places(stack: System) -> dict[str, int]:
    """How many orders of each reference the gateway has, attempts of one order taken together."""
    found: dict[str, int] = {}
    for row in stack.control.orders():
        base = row["order_ref"].split("-")[0]
        found[base] = found.get(base, 0) + 1
    return found


def executed(stack: System) -> dict[str, float]:
    """By reference, what the gateway says it has executed."""
    total: dict[str, float] = {}
    for row in stack.control.orders():
        base = row["order_ref"].split("-")[0]
        total[base] = total.get(base, 0) + float(row["filled"])
    return total


def copied(source: Path, target: Path) -> Path:
    """A folder copied with its owners: PostgreSQL's files are its own account's."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def restore(stack: System, backup: Path) -> None:
    """Put the database back as it was ten minutes ago; everything that speaks to it starts again."""
    names = [name for name in stack.running if name != "simgateway"]
    stack.kill(*names)
    stack.postgres.stop()
    shutil.rmtree(stack.postgres.folder)
    copied(backup, stack.postgres.folder)
    stack.postgres.start()
    age(stack, "10 minutes")
    stack.wipe_redis()
    stack.start(*names)


def age(stack: System, by: str) -> None:
    """All that the database says was, or is due, was so much earlier: as in a backup of that age."""
    columns = stack.rows(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND data_type = 'timestamp with time zone' AND table_name ~ '^(orders|brokers)_'"
    )
    with stack.connect() as connection:
        connection.execute("SET session_replication_role = replica")  # what never changes is aged, too
        for table, column in columns:
            connection.execute(f"UPDATE {table} SET {column} = {column} - interval '{by}'".encode())


def test_after_a_restored_backup_nothing_goes_out_twice(stack: System, tmp_path: Path) -> None:
    kept, changed = stack.api.placed(**resting()), stack.api.placed(**resting())
    for order in (kept, changed):
        wait(stack, order, "PENDING")
    stack.postgres.stop()
    backup = copied(stack.postgres.folder, tmp_path / "backup")
    stack.postgres.start()
    stack.wait_until_ready()
    bodies = [market(), resting(), resting()]
    filled, working, gone = (stack.api.placed(**body) for body in bodies)
    wait(stack, filled, "COMPLETED")
    for order in (working, gone):
        wait(stack, order, "PENDING")
    stack.api.post(f"/orders/{gone['id']}/cancel").raise_for_status()
    stack.api.post(f"/orders/{changed['id']}/cancel").raise_for_status()
    for order in (gone, changed):
        wait(stack, order, "CANCELED")
    before = places(stack), executed(stack)
    restore(stack, backup)
    eventually(lambda: session(stack)["state"] == "HALTED", limit=120)
    answers = [stack.api.place(**body) for body in bodies]
    # 201 where the repeat comes before the broker's word of it: that word finds the repeat then.
    assert {answer.status_code for answer in answers} <= {200, 201}
    stack.environment["TRADEDESK_PERSON_PASSWORD"] = stack.environment["TRADEDESK_DESK_PASSWORD"]
    stack.manage("release", "main", "--by", "desk", "--reason", "backup restored, all found")
    eventually(lambda: session(stack)["link"] == "READY", limit=120)
    # FAILED, as the broker's already, where both were recorded in one instant: neither saw the other.
    wait(stack, answers[0].json(), "COMPLETED", "FAILED")
    wait(stack, answers[1].json(), "PENDING", "FAILED")
    wait(stack, answers[2].json(), "CANCELED", "FAILED")
    wait(stack, changed, "CANCELED")
    wait(stack, kept, "PENDING")
    assert (places(stack), executed(stack)) == before


@pytest.mark.parametrize("other_client", [False, True], ids=["same client id", "another client id"])
def test_a_frozen_holder_that_wakes_writes_nothing(stack: System, other_client: bool) -> None:
    standby = stack.processes["broker"]
    if other_client:
        other = {"TRADEDESK_SESSIONS": f"main={stack.options.gateway}/7"}
        standby = replace(standby, env={**standby.env, **other})
    stack.processes["standby"] = standby
    stack.launch("standby")
    orders = [stack.api.placed(**market()) for _ in range(10)]
    stack.freeze("broker")
    orders += [stack.api.placed(**market()) for _ in range(40)]
    holder = stack.rows("SELECT lease_owner FROM brokers_gatewaysession")
    eventually(lambda: stack.rows("SELECT lease_owner FROM brokers_gatewaysession") != holder, limit=120)
    stack.thaw("broker")
    for order in orders:
        wait(stack, order, *OVER)
    eventually(lambda: session(stack)["link"] == "READY", limit=120)
    assert max(places(stack).values()) == 1
    assert max(executed(stack).values()) == 10
    completed = sum(stack.api.state(order["id"]) == "COMPLETED" for order in orders)
    assert completed == sum(quantity == 10 for quantity in executed(stack).values())


@pytest.mark.parametrize("offset", ["30", "-30"])
def test_a_worker_whose_clock_is_wrong_sends_once(stack: System, offset: str) -> None:
    stack.kill("broker")
    worker = stack.processes["broker"]
    stack.processes["broker"] = replace(worker, env={**worker.env, "TRADEDESK_CLOCK_OFFSET": offset})
    stack.start("broker")
    stack.wait_until_ready()
    stack.control.fault(kind="drop_place", count=2)
    orders = [stack.api.placed(**resting()) for _ in range(10)]
    for order in orders:
        eventually(lambda order=order: stack.api.state(order["id"]) not in ("CREATED", "SENT"), limit=120)  # type: ignore[misc]
    assert max(places(stack).values()) == 1


def fill_unheard(stack: System) -> dict[str, Any]:
    """A market order that fills at the gateway in the instant in which the link is cut."""
    stack.control.fault(kind="cut_in", message="placeOrder", where="after")
    order = stack.api.placed(**market())
    eventually(lambda: executed(stack).get(order["order_ref"]) == 10, limit=120)
    return order


def stand_just_before_midnight(stack: System) -> float:
    """Move the gateway to where the day is over in a minute or less; seconds until then."""
    now = datetime.now(UTC)
    minutes_gone = now.hour * 60 + now.minute + (2 if now.second > 40 else 1)
    ahead = 24 * 60 - minutes_gone  # of UTC, so that there midnight is as many minutes away
    hours, minutes = divmod(ahead if ahead <= 14 * 60 else 24 * 60 - ahead, 60)
    zone = f"GMT{'+' if ahead <= 14 * 60 else '-'}{hours:02}:{minutes:02}"
    stack.control.post("/time-zone", json={"time_zone": zone}).raise_for_status()
    stack.control.fault(kind="disconnect")  # it greets with its zone
    return (2 if now.second > 40 else 1) * 60 - now.second


def test_a_doubt_over_the_gateways_midnight_is_a_persons(stack: System) -> None:
    wait(stack, stack.api.placed(**market()), "COMPLETED")
    left = stand_just_before_midnight(stack)
    midnight = time.monotonic() + left
    eventually(lambda: session(stack)["link"] == "READY", limit=left)
    stack.control.fault(kind="drop_place", count=1)
    lost = stack.api.placed(**{**resting(), "max_age": "600"})
    eventually(lambda: stack.api.state(lost["id"]) == "SENT", limit=left)
    # A link that is back at once must not tell of the fill while it is still today.
    stack.control.fault(kind="empty_lists", delay_ms=int(left + 10) * 1000)
    filled = fill_unheard(stack)
    assert time.monotonic() < midnight
    stack.control.fault(kind="restart", seconds=max(midnight - time.monotonic(), 0) + 5)
    held = (
        "SELECT text FROM orders_orderevent WHERE order_id = %s AND kind = 'HELD_FOR_DESK' ORDER BY id DESC"
    )
    for order in (lost, filled):
        eventually(lambda order=order: stack.rows(held, order["id"]), limit=180)  # type: ignore[misc]
        assert "day has changed" in stack.rows(held, order["id"])[0][0]
    assert lost["order_ref"] not in places(stack)
    assert executed(stack)[filled["order_ref"]] == 10
    wait(stack, stack.api.placed(**market()), "COMPLETED")


def test_lists_empty_after_a_login_send_nothing_again(stack: System) -> None:
    stack.control.fault(kind="empty_lists", delay_ms=5000)
    order = fill_unheard(stack)
    held = "SELECT held_for_desk FROM orders_order WHERE id = %s"
    eventually(
        lambda: stack.api.state(order["id"]) == "COMPLETED" or stack.rows(held, order["id"]) == [(True,)],
        limit=120,
    )
    assert places(stack)[order["order_ref"]] == 1
    assert executed(stack)[order["order_ref"]] == 10


def test_a_change_of_login_concludes_nothing(stack: System) -> None:
    order = fill_unheard(stack)
    stack.control.fault(kind="login", accounts="DU7654321")
    waiting = stack.api.placed(**resting())
    eventually(lambda: "DU7654321" in session(stack)["link_reason"], limit=120)
    assert stack.api.state(order["id"]) not in ("REJECTED", "FAILED")
    assert waiting["order_ref"] not in places(stack)
    stack.control.fault(kind="login")  # ours again
    wait(stack, order, "COMPLETED")
    wait(stack, waiting, "PENDING")
    assert max(places(stack).values()) == 1
