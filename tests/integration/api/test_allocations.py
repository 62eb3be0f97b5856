"""Group orders by every door: what is asked, what is refused, and the shares of one order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from brokers.messages import AdvisorGroup, AdvisorReport
from brokers.order_attributes import Allocation, AllocationMethod
from orders.admin.orders.order.order_page import page_context
from orders.controls.halts.kill import press
from orders.controls.halts.kill_work import work_kills
from orders.entry.reading.ticket_texts import texts_of_ticket, ticket_from_texts
from orders.entry.recheck import recheck_waiting
from orders.models import Execution, KillAction, Order, OutboxCommand, TradingState
from orders.store import advisors
from orders.store.states import put_state
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body
from tests.integration.persons import person

GROWTH = {"group": "Growth", "method": "NetLiq"}


@pytest.fixture
def advised(api: Api) -> Api:
    group = AdvisorGroup(name="Growth", method="Equal", accounts=(OTHER,))
    advisors.store("main", AdvisorReport(master=ACCOUNT, accounts=(OTHER,), groups=(group,)))
    return api


def test_an_order_takes_its_group_and_shows_it_again(advised: Api) -> None:
    answer = advised.post("orders", body(allocation=GROWTH))
    assert answer.status_code == 201, answer.content
    assert answer.json()["allocation"] == GROWTH
    found = advised.get(f"orders/{answer.json()['id']}").json()
    assert (found["allocation"], found["shares"], found["shared_qty"]) == (GROWTH, [], "0")
    assert "shares" not in advised.get(f"orders/{advised.post('orders', body('a-2')).json()['id']}").json()


def test_a_bulk_takes_the_group_of_each_of_its_orders(advised: Api) -> None:
    orders = [body(allocation={"group": "Growth"}), body("a-2", allocation={"group": "Gone"})]
    good, bad = advised.post("orders/bulk", {"orders": orders}).json()["results"]
    assert (good["status"], bad["status"]) == (201, 400)
    (error,) = bad["problem"]["errors"]
    assert error["field"] == "allocation.group"
    assert "it knows Growth" in error["message"]


@pytest.mark.parametrize(
    ("allocation", "field"),
    [
        ({"group": "Growth", "method": "Fair"}, "allocation.method"),
        ({"group": "Growth", "method": "PctChange"}, "allocation.method"),  # shares a change, not an order
        ({"group": ""}, "allocation.group"),
        ({"method": "NetLiq"}, "allocation.group"),
        ("Growth", "allocation"),
        ({"group": "Growth", "accounts": ["X"]}, "allocation.accounts"),
    ],
)
def test_an_allocation_of_another_form_is_named_and_refused(
    advised: Api, allocation: Any, field: str
) -> None:
    answer = advised.post("orders", body(allocation=allocation))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_login_that_is_no_advisors_takes_no_allocation(api: Api) -> None:
    (error,) = api.post("orders", body(allocation=GROWTH)).json()["errors"]
    assert "its login is no advisor's" in error["message"]


def test_a_text_says_the_group_and_its_method(advised: Api) -> None:
    texts = {"cl_ord_id": "a", "account": ACCOUNT, "symbol": "AAPL", "side": "BUY", "order_qty": "10"}
    texts |= {"ord_type": "MARKET", "time_in_force": "DAY", "allocation": "Growth:NetLiq"}
    ticket = ticket_from_texts(texts)
    assert ticket.allocation == Allocation(group="Growth", method=AllocationMethod.NET_LIQ)
    assert texts_of_ticket(ticket)["allocation"] == "Growth:NetLiq"
    assert ticket_from_texts({**texts, "allocation": "Growth"}).allocation == Allocation(group="Growth")


def test_the_page_and_the_document_show_the_shares_and_their_sum(advised: Api) -> None:
    order = Order.objects.get(pk=advised.post("orders", body(allocation=GROWTH)).json()["id"])
    common = {"order": order, "side": "BUY", "last_px": 200, "transact_time": order.received_at}
    common |= {"received_at": order.received_at, "con_id": 1}
    Execution.objects.create(**common, account_id=ACCOUNT, exec_id="1.01", allocated="WHOLE", last_qty=10)
    Execution.objects.create(
        **common, account_id=OTHER, exec_id="2.01", allocated="SHARE", last_qty=10, commission=1
    )
    found = advised.get(f"orders/{order.pk}").json()
    assert [(share["account"], share["cum_qty"]) for share in found["shares"]] == [(OTHER, "10")]
    assert found["shared_qty"] == "10"
    shown = page_context(order, User.objects.create_superuser("boss"))
    assert [row["account"] for row in shown["shares"]] == [OTHER]


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
def test_no_account_that_is_not_active_takes_a_share(advised: Api, state: TradingState) -> None:
    waiting = advised.post("orders", body(allocation=GROWTH)).json()
    put_state(f"account:{OTHER}", state, by="test", reason="runs away")
    refused = advised.post("orders", body("a-2", allocation=GROWTH))
    assert (refused.status_code, refused.json()["code"]) == (422, "TRADING_HALTED")
    assert advised.post("orders", body("a-3")).status_code == 201
    OutboxCommand.objects.update(not_before=timezone.now() - timedelta(hours=1))  # of this very transaction
    recheck_waiting("main")
    found = Order.objects.get(pk=waiting["id"])
    assert (found.state, found.reason_code) == ("FAILED", "TRADING_HALTED")


def test_a_kill_of_an_account_cancels_what_it_would_take_a_share_of(advised: Api) -> None:
    shared = advised.post("orders", body("a-1", allocation=GROWTH)).json()
    alone = advised.post("orders", body("a-2")).json()
    press(f"account:{OTHER}", KillAction.CANCEL, actor=person("jo"), reason="runs away")
    work_kills("main", lambda: None, lambda: False)
    states = [advised.get(f"orders/{order['id']}").json()["state"] for order in (shared, alone)]
    assert states == ["CANCELED", "CREATED"]
