"""Group orders by every door: what is asked, what is refused, and the shares of one order."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from brokers.messages import AdvisorGroup, AdvisorReport
from brokers.order_attributes import Allocation, AllocationMethod
from orders.admin.orders.order.order_page import page_context
from orders.entry.reading.ticket_texts import texts_of_ticket, ticket_from_texts
from orders.models import Execution, Order
from orders.store import advisors
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body

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
