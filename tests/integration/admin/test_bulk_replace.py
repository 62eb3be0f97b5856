"""Replace of many orders: by rules and by hand, each tried before, nothing that was typed lost."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import Instrument
from orders.admin.orders.bulk.bulk_replace import Row, new_price, new_qty, number_of
from orders.desk import jobs
from orders.models import DeskJob, Order, OrderRequest
from tests.integration.admin.test_people import member
from tests.integration.api.conftest import ACCOUNT, OTHER, placed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("desk", "groups")]
URL = "desk:bulk_replace"


def asked(client: Client, orders: list[Order], **fields: Any) -> Any:
    """A press on the page that shows these orders."""
    ids = ",".join(str(order.pk) for order in orders)
    return client.post(reverse(URL), {"key": uuid4(), "ids": ids, "reason": "moved", **fields})


def terms(order: Order, price: str, qty: str = "100") -> dict[str, Any]:
    """What is typed for one order."""
    return {f"price_{order.pk}": price, f"qty_{order.pk}": qty, f"version_{order.pk}": order.version}


def problems(answer: Any) -> dict[str, str]:
    """What the page says is wrong, by cl_ord_id."""
    return {row.order.cl_ord_id: row.problem for row in answer.context["wrong"]}


@pytest.mark.parametrize(
    ("side", "by", "amount", "price"),
    [
        ("BUY", "ticks", "2", "229.97"),
        ("BUY", "ticks", "-1", "229.94"),
        ("BUY", "percent", "1", "232.24"),  # of 232.2495, down: not dearer than asked
        ("SELL", "percent", "1", "232.25"),
        ("BUY", "to", "229.951", "229.951"),  # refused by name, never rounded
        ("BUY", "", "0", "229.95"),
    ],
)
def test_a_rule_gives_the_new_price(side: str, by: str, amount: str, price: str) -> None:
    order = placed("one")
    order.side = side
    assert new_price(Row(order=order), by, number_of("price", amount)) == number_of("price", price)


def test_ticks_are_those_of_the_price_band() -> None:
    order = placed("one")
    order.instrument.price_bands = [["0", "0.01"], ["200", "0.05"]]
    assert new_price(Row(order=order), "ticks", number_of("price", "1")) == number_of("price", "230.00")


@pytest.mark.parametrize(("by", "amount", "qty"), [("percent", "-50", 50), ("add", "7", 107), ("to", "5", 5)])
def test_a_rule_gives_the_new_quantity(by: str, amount: str, qty: int) -> None:
    assert new_qty(Row(order=placed("one")), by, number_of("order_qty", amount)) == qty


def test_a_bad_tick_is_refused_by_name_and_nothing_typed_is_lost() -> None:
    trader, good, bad = member("trader", ACCOUNT), placed("good"), placed("bad")
    typed = {**terms(good, "229.90"), **terms(bad, "229.955", "90")}
    answer = asked(trader, [good, bad], do="send", **typed)
    assert answer.status_code == 400
    assert list(problems(answer)) == ["bad"] and "tick 0.01" in problems(answer)["bad"]
    page = answer.content.decode()
    for text in ("229.90", "229.955", 'value="90"', "moved"):
        assert text in page
    assert not DeskJob.objects.exists() and not OrderRequest.objects.exists()


def test_what_is_sent_is_what_was_shown_once_per_key() -> None:
    trader, orders = member("trader", ACCOUNT), [placed("a"), placed("b")]
    key, typed = uuid4(), {**terms(orders[0], "229.90"), **terms(orders[1], "229.80", "50")}
    for _ in range(2):
        asked(trader, orders, do="send", key=key, **typed)
        jobs.work()
    found = Order.objects.order_by("cl_ord_id").values_list("price", "order_qty")
    assert [(f"{price:.2f}", int(qty)) for price, qty in found] == [("229.90", 100), ("229.80", 50)]
    assert OrderRequest.objects.count() == 2 and DeskJob.objects.get().rows.filter(ok=True).count() == 2


def test_one_left_out_keeps_nobody_from_going() -> None:
    trader, good, bad = member("trader", ACCOUNT), placed("good"), placed("bad")
    typed = {**terms(good, "229.90"), **terms(bad, "229.955"), f"leave_{bad.pk}": "on"}
    assert asked(trader, [good, bad], do="send", **typed).status_code == 303
    assert [row.order.cl_ord_id for row in DeskJob.objects.get().rows.all()] == ["good"]


def test_an_order_that_moved_since_the_page_was_shown_is_named() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    typed = terms(order, "229.90")
    Order.objects.filter(pk=order.pk).update(version=order.version + 1)
    assert "one" in problems(asked(trader, [order], do="send", **typed))


def test_rules_fill_in_every_order_and_say_what_is_wrong_with_themselves() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    answer = asked(trader, [order], do="fill", price_by="ticks", price_amount="2")
    assert [row.price for row in answer.context["rows"]] == ["229.97"]
    for amount in ("1.5", "", "two"):
        answer = asked(
            trader, [order], do="fill", price_by="ticks", price_amount=amount, **terms(order, "229.9")
        )
        assert "Nothing was changed" in answer.context["problem"]
        assert answer.context["rows"][0].price == "229.9"


def test_the_checks_are_those_of_every_replace() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    answer = asked(trader, [order], do="check", **terms(order, "229.95", "100000000"))
    assert "Refused by the checks" in problems(answer)["one"]


def test_orders_of_other_accounts_and_other_rights_are_refused() -> None:
    order, hidden = placed("mine"), placed("hidden", account=OTHER)
    trader = member("trader", ACCOUNT)
    answer = asked(trader, [order, hidden], do="check", **terms(order, "229.90"))
    assert [row.order.cl_ord_id for row in answer.context["rows"]] == ["mine"]
    assert asked(member("viewer", ACCOUNT), [order]).status_code == 403


def test_more_than_ten_are_sent_after_their_number_was_typed() -> None:
    trader, orders = member("trader", ACCOUNT), [placed(f"o-{number}") for number in range(11)]
    typed = {name: text for order in orders for name, text in terms(order, "229.90").items()}
    assert "Type 11" in asked(trader, orders, do="send", **typed).context["problem"]
    assert asked(trader, orders, do="send", typed="11", **typed).status_code == 303


def test_the_action_shows_terms_as_they_are() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    Instrument.objects.update(min_tick="0.01")
    chosen = {"action": "replace_chosen", "_selected_action": [order.pk]}
    answer = trader.post(reverse("admin:orders_order_changelist"), chosen)
    assert [(row.price, row.qty) for row in answer.context["rows"]] == [("229.95", "100")]
