"""What the desk can do: cancel, set limits, describe instruments, make and revoke tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import Instrument
from orders.admin.orders.bulk.bulk_cancel import taken_along
from orders.models import ActionRecord, ApiToken, Order, OrderGroup, OrderRequest, State
from tests.integration.api.conftest import ACCOUNT, Api, placed
from tests.integration.api.test_read import sent


def press(key: UUID | None = None, reason: str = "because") -> dict[str, str]:
    """What the dialog posts."""
    return {"key": str(key or uuid4()), "reason": reason}


def act(order: Order, name: str) -> str:
    """The URL of an act."""
    return reverse("desk:act", args=[order.pk, name])


def cancel(client: Client, order: Order, key: UUID | None = None) -> str:
    """Press the button; gives the page that follows."""
    answer = client.post(act(order, "cancel"), press(key), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_cancel_goes_through_the_service_and_names_the_person(boss: Client) -> None:
    page = cancel(boss, sent("a-1"))
    request = OrderRequest.objects.get()
    assert (request.kind, request.state, request.requested_by) == ("CANCEL", "REQUESTED", "desk:jo-1")
    assert "can still fill" in page
    assert "Cancel asked" in page
    done = ActionRecord.objects.get()
    assert (done.order_id, done.ok, done.reason) == (request.order_id, True, "because")


def test_a_second_press_asks_nothing_new(boss: Client) -> None:
    order = sent("a-1")
    cancel(boss, order)
    assert "A cancel was asked already." in cancel(boss, order)
    assert OrderRequest.objects.count() == 1


def test_the_same_key_gives_the_first_answer(boss: Client) -> None:
    order, key = placed("a-1"), uuid4()
    first, second = cancel(boss, order, key), cancel(boss, order, key)
    assert "had not left us" in first
    assert "had not left us" in second
    assert ActionRecord.objects.count() == 1


def test_a_refused_replace_keeps_what_was_typed_and_may_be_tried_again(boss: Client) -> None:
    order = sent("a-1")
    typed = {**press(), "version": str(order.version), "order_qty": "100", "price": "200.001"}
    refused = boss.post(act(order, "replace"), typed, headers={"X-Desk-Live": "1"})
    page = refused.content.decode()
    assert (refused.status_code, 'value="200.001"' in page, "Must be a multiple" in page) == (409, True, True)
    assert typed["key"] not in page, "the refused key has its answer"
    taken = boss.post(
        act(order, "replace"), {**typed, **press(), "price": "200.01"}, headers={"X-Desk-Live": "1"}
    )
    assert (taken.status_code, taken["X-Desk-Next"][:7]) == (204, "/admin/")
    assert OrderRequest.objects.get().price == Decimal("200.01")


def test_an_act_needs_a_reason(boss: Client) -> None:
    order = sent("a-1")
    answer = boss.post(act(order, "cancel"), press(reason=" "))
    assert answer.status_code == 400
    assert "Please give a reason." in answer.content.decode()
    assert not OrderRequest.objects.exists()


def test_a_reviewed_refusal_does_not_call_any_more(boss: Client) -> None:
    order = placed("a-1")
    Order.objects.filter(pk=order.pk).update(state=State.REJECTED, reason_code="STALE")
    assert "1 needs a person" in boss.get(reverse("admin:index")).content.decode()
    boss.post(act(order, "review"), press())
    assert "Nothing waits" in boss.get(reverse("admin:index")).content.decode()


def test_many_refused_orders_are_reviewed_with_one_reason(boss: Client) -> None:
    orders = [placed(f"a-{number}") for number in range(12)]
    Order.objects.exclude(pk=orders[0].pk).update(state=State.REJECTED, reason_code="STALE")
    chosen = {"action": "review_chosen", "_selected_action": [str(order.pk) for order in orders]}
    page = boss.post(reverse("admin:orders_order_changelist"), chosen).content.decode()
    assert "Mark 11 orders reviewed" in page
    (ids,) = re.findall(r'name="ids" value="([^"]+)"', page)
    form = {**press(reason="a bad feed"), "ids": ids}
    boss.post(reverse("desk:bulk_review"), {**form, "reason": " "})
    assert not ActionRecord.objects.exists()
    for _ in range(2):
        boss.post(reverse("desk:bulk_review"), form)
    assert set(ActionRecord.objects.values_list("reason", "ok")) == {("a bad feed", True)}
    assert ActionRecord.objects.count() == 11
    assert "Nothing waits" in boss.get(reverse("admin:index")).content.decode()


def test_what_needs_a_person_in_the_header_leads_to_the_list_of_it(boss: Client) -> None:
    for number in range(9):
        placed(f"a-{number}")
    Order.objects.update(state=State.REJECTED)
    page = boss.get(reverse("desk:ticket")).content.decode()
    (query,) = re.findall(r'href="[^"]+(\?view=problems)">! 9 need a person', page)
    assert boss.get(reverse("admin:orders_order_changelist") + query).context["cl"].result_count == 9


def test_an_order_that_never_left_is_canceled_at_once(boss: Client) -> None:
    order = placed("a-1")
    assert "had not left us" in cancel(boss, order)
    assert Order.objects.get().state == State.CANCELED
    assert "nothing to cancel" in cancel(boss, order)


def test_a_cancel_needs_its_right(person: Callable[..., Client]) -> None:
    order = sent("a-1")
    viewer, trader = person("orders.view_order"), person("orders.view_order", "orders.cancel_order")
    url = act(order, "cancel")
    assert (
        "Cancel order"
        not in viewer.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    )
    assert viewer.post(url, press()).status_code == 403
    assert trader.post(url, press()).status_code == 303
    assert person("orders.cancel_order").post(url, press()).status_code == 403


def test_a_cancel_needs_a_csrf_token(boss: Client) -> None:
    order = sent("a-1")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = boss.cookies
    assert strict.post(act(order, "cancel"), press()).status_code == 403
    assert not OrderRequest.objects.exists()


def test_a_cancel_of_nothing_is_404(boss: Client) -> None:
    missing = "00000000-0000-7000-8000-000000000000"
    assert boss.post(reverse("desk:act", args=[missing, "cancel"]), press()).status_code == 404
    for wrong in (missing, "x"):
        assert boss.get(f"/admin/orders/order/{wrong}/change/").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        *(
            ("q=a-1", True),
            ("q=A-1", False),
            ("q=aapl", True),
            ("q=77", True),
            ("q=TD", True),
        ),
        *(("state__in=CREATED", True), ("state__in=FILLED", False), ("side__exact=SELL", False)),
        *((f"account__code__exact={ACCOUNT}", True), ("instrument__symbol__icontains=ms", False)),
        ("received_at_from_0=2020-01-01&received_at_from_1=00:00:00", True),
        ("received_at_from_0=2020-01-01&received_at_to_0=2099-01-01", True),
        ("received_at_from_0=x&received_at_from_1=y", True),
        ("received_at_to_0=2020-01-01&received_at_to_1=00:00:00", False),
    ],
)
def test_orders_are_found(boss: Client, query: str, found: bool) -> None:
    order = placed("a-1")
    Order.objects.filter(pk=order.pk).update(perm_id=77)
    page = boss.get(f"{reverse('admin:orders_order_changelist')}?{query}", follow=True)
    assert page.status_code == 200
    assert (str(order.pk) in page.content.decode()) == found


def test_a_new_instrument_is_only_described(boss: Client) -> None:
    described = {"symbol": "KO", "sec_type": "STK", "exchange": "SMART", "currency": "USD"}
    url = reverse("admin:brokers_instrument_add")
    assert boss.get(url).status_code == 200
    assert boss.post(url, {**described, "con_id": "7", "min_tick": "1"}).status_code == 302
    made = Instrument.objects.get(symbol="KO")
    assert (made.con_id, made.min_tick) == (None, None)
    assert boss.post(url, described).status_code == 200, "the same again is refused"


def token_form(**changes: object) -> dict[str, object]:
    return {"username": "algo", "accounts": [ACCOUNT], "scopes": ["read"], "days": "3", **changes}


def test_a_new_token_is_shown_once_and_works(boss: Client) -> None:
    url = reverse("admin:orders_apitoken_add")
    assert boss.get(url).status_code == 200
    answer = boss.post(url, token_form())
    token = re.search(r'<pre class="raw">(\w{64})</pre>', answer.content.decode())
    assert token is not None
    assert "no-store" in answer["Cache-Control"]
    assert Api(token[1]).get("orders").status_code == 200
    assert token[1] not in boss.get(url).content.decode()


def test_a_token_list_shows_neither_token_nor_digest(boss: Client) -> None:
    boss.post(reverse("admin:orders_apitoken_add"), token_form())
    row = ApiToken.objects.get()
    page = boss.get(reverse("admin:orders_apitoken_changelist")).content.decode()
    assert row.token_key in page
    assert row.digest not in page


@pytest.mark.parametrize(
    "wrong", [{"accounts": []}, {"scopes": ["root"]}, {"username": "a b"}, {"days": "0"}]
)
def test_a_wrong_token_form_makes_nothing(boss: Client, wrong: dict[str, object]) -> None:
    assert boss.post(reverse("admin:orders_apitoken_add"), token_form(**wrong)).status_code == 200
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked(boss: Client, person: Callable[..., Client]) -> None:
    boss.post(reverse("admin:orders_apitoken_add"), token_form())
    row = ApiToken.objects.get()
    url = reverse("admin:orders_apitoken_revoke", args=[row.token_key])
    assert person("orders.view_apitoken").post(url).status_code == 403
    assert boss.post(url).status_code == 303
    row.refresh_from_db()
    assert row.revoked_at
    assert row.revoked_by.startswith("desk:")
    assert row.digest not in boss.get(reverse("admin:index")).content.decode()


def held(cl_ord_id: str) -> Order:
    """An order that was proven absent twice and left to the desk by its policy."""
    order = sent(cl_ord_id)
    doubt = {"held_for_desk": True, "absent_rounds": 2, "on_unconfirmed": "hold", "perm_id": None}
    Order.objects.filter(pk=order.pk).update(state=State.UNCONFIRMED, **doubt)
    return order


@pytest.mark.parametrize(("name", "state"), [("send_again", State.CREATED), ("give_up", State.FAILED)])
def test_the_desk_decides_about_a_held_order(boss: Client, name: str, state: State) -> None:
    order = held("a-1")
    assert (
        f'data-act="{name}"'
        in boss.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    )
    answer = boss.post(act(order, name), press(), follow=True)
    assert answer.status_code == 200
    order = Order.objects.get()
    assert (order.state, order.held_for_desk) == (state, False)
    assert order.events.latest("id").actor == "desk:jo-1"


def test_a_decision_needs_its_right_and_a_held_order(boss: Client, person: Callable[..., Client]) -> None:
    order = held("a-1")
    url = act(order, "give_up")
    trader = person("orders.view_order", "orders.cancel_order")
    assert "give_up" not in trader.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert trader.post(url, press()).status_code == 403
    boss.post(url, press())
    assert "not held for the desk" in boss.post(url, press(), follow=True).content.decode()


def test_an_order_that_the_broker_once_had_is_not_sent_again(boss: Client) -> None:
    order = held("a-1")
    Order.objects.filter(pk=order.pk).update(perm_id=9)
    assert (
        "cannot be sent again" in boss.post(act(order, "send_again"), press(), follow=True).content.decode()
    )
    assert Order.objects.get().state == State.UNCONFIRMED


def test_an_order_held_for_review_is_released_with_a_reason(
    boss: Client, person: Callable[..., Client]
) -> None:
    order = sent("held-1")
    Order.objects.filter(pk=order.pk).update(state=State.PENDING, held_for_desk=True)
    trader = person("orders.view_order", "orders.cancel_order")
    assert trader.post(act(order, "release"), press()).status_code == 403
    assert "Release order" in boss.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    answer = boss.post(act(order, "release"), press(reason="asked the broker"), follow=True)
    assert "waits for nobody" in answer.content.decode()
    order.refresh_from_db()
    assert not order.held_for_desk
    event = order.events.latest("version")
    assert (event.kind, event.text, event.actor) == ("RELEASED", "asked the broker", "desk:jo-1")
    assert "not held" in boss.post(act(order, "release"), press(), follow=True).content.decode()


def test_the_dialog_names_what_the_broker_cancels_with_it(boss: Client) -> None:
    low, high = sent("g-low"), sent("g-high")
    facts = {"session": low.session, "received_at": low.received_at, "request_hash": "", "list_id": "g"}
    group = OrderGroup.objects.create(client_id=low.client_id, kind="OCA", **facts)
    for rank, order in enumerate((low, high)):
        Order.objects.filter(pk=order.pk).update(group=group, group_rank=rank)
    page = boss.get(act(low, "cancel")).content.decode()
    assert "The broker cancels with it" in page
    assert "g-high" in page
    assert taken_along([low.pk]) == ["g-high"]
    assert taken_along([low.pk, high.pk]) == []
    alone = boss.get(act(sent("a-1"), "cancel")).content.decode()
    assert "The broker cancels with it" not in alone
