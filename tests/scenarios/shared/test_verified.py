"""After everything that this folder did to its system, by many processes, the audit is unbroken."""

from __future__ import annotations

import subprocess

import pytest

from tradedesk.env import BASE_DIR
from tradedesk.stack.clients import require
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import MANAGE
from tradedesk.stack.system import System


def audit(stack: System, *arguments: str) -> str:
    command = [*MANAGE, "audit", *arguments]
    asked = subprocess.run(
        command, env=dict(stack.environment), cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    return asked.stdout


def test_what_orders_went_through_is_sealed_and_unbroken(stack: System) -> None:
    filled = stack.api.placed()["id"]
    eventually(lambda: stack.api.state(filled) == "COMPLETED")
    working = stack.api.placed(ord_type="LIMIT", price="150")["id"]
    eventually(lambda: stack.api.state(working) == "PENDING")
    version = stack.api.order(working)["version"]
    replace = {"cl_ord_id": "audit-replace", "price": "151"}
    headers = {"If-Match": f'"{version}"'}
    require(stack.api.post(f"/orders/{working}/replace", json=replace, headers=headers), 202)
    eventually(lambda: stack.api.order(working)["price"] == "151")
    stack.api.cancel(working)
    eventually(lambda: stack.api.state(working) == "CANCELED")
    audit(stack, "seal")
    assert "unbroken" in audit(stack, "verify", "--all")


@pytest.mark.soak
def test_beat_seals_by_itself_and_a_changed_fill_is_named(stack: System) -> None:
    order = stack.api.placed()["id"]
    eventually(lambda: stack.api.state(order) == "COMPLETED")
    waiting = """SELECT 1 FROM orders_orderevent WHERE order_id = %s
        AND txid >= COALESCE((SELECT to_txid FROM orders_auditseal ORDER BY seq DESC LIMIT 1), 0)"""
    eventually(lambda: stack.rows(waiting, order) == [], limit=60)
    change = "UPDATE orders_execution SET last_px = last_px {} 0.01 WHERE order_id = %s RETURNING id"
    (number,) = stack.rows(change.format("+"), order)[0]
    assert f"orders_execution {number}" in audit(stack, "verify")
    stack.rows(change.format("-"), order)
    assert "unbroken" in audit(stack, "verify")
