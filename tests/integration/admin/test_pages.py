"""Every page of the desk: it opens, it scales, it changes nothing when looked at, it shows text as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from brokers.models import BrokerAccount, Position
from orders.admin.shared.base import environment
from orders.controls.persons.tokens import make_token
from orders.models import ActionRecord, Alert, ApiToken, Break, Order, OrderEvent, ReconciliationRun
from tests.examples import one_in
from tests.integration.admin.conftest import fill

NOW = timezone.now()
admin.autodiscover()  # as the URLs do
LISTS = [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]
GROWING = [
    "orders_order",
    "orders_execution",
    "orders_outboxcommand",
    "orders_reconciliationrun",
    "brokers_inboxmessage",
    "brokers_position",
    "brokers_accountvalue",
]


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens(boss: Client, name: str) -> None:
    fill(2)
    answer = boss.get(reverse(f"admin:{name}_changelist"), follow=True)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<script>x" not in page
    assert not re.search(r"Select [a-z ]+ to (view|change)", page)


def test_an_empty_list_says_why_and_what_next(boss: Client) -> None:
    url = reverse("admin:orders_execution_changelist")
    assert "Nothing here yet." in boss.get(url).content.decode()
    filtered = boss.get(url, {"q": "no-such-id"}).content.decode()
    assert "Nothing fits these filters." in filtered
    assert 'href="?">Show without filters' in filtered


@pytest.mark.parametrize("name", one_in(3, GROWING))
def test_a_list_takes_the_same_queries_for_a_hundred_rows(
    boss: Client, memories_last: None, name: str
) -> None:
    url = reverse(f"admin:{name}_changelist")
    fill(10)
    queries(boss, url)
    few = queries(boss, url)
    more(10, 100)
    assert queries(boss, url) == few
    # Three for the header: trading states, sessions, the place in the events; positions name their breaks.
    assert few <= 17


def more(start: int, stop: int) -> None:
    """Copies of the first row of every table."""
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if name in GROWING and (row := model._default_manager.first()):
            copy(row, start, stop)


def copy(row: Any, start: int, stop: int) -> None:
    """So many rows like this one, told apart by the fields that must be unique."""
    unique = {"orders_order": "cl_ord_id", "orders_execution": "exec_id", "brokers_inboxmessage": "dedup_key"}
    unique |= {"brokers_accountvalue": "key", "brokers_position": "con_id"}
    label = f"{row._meta.app_label}_{row._meta.model_name}"
    for number in range(start, stop):
        row.pk = row._meta.pk.get_default() if row._meta.pk.has_default() else None
        if label in unique:
            setattr(row, unique[label], number if label == "brokers_position" else f"copy-{number}")
        if label == "orders_order":
            row.order_ref = f"copy-{number}"
        row._state.adding = True
        row.save(force_insert=True)


@pytest.mark.parametrize("name", GROWING)
def test_every_page_of_one_row_opens_and_shows_text_as_text(boss: Client, name: str) -> None:
    fill(1)
    model = next(m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == name)
    row = model._default_manager.first()
    page = boss.get(reverse(f"admin:{name}_change", args=[row.pk]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "<script>x" not in text
    assert "{{7*7}}" in text or name == "orders_outboxcommand"


def test_an_order_page_takes_the_same_queries_for_many_executions(boss: Client, memories_last: None) -> None:
    fill(1)
    order = Order.objects.get()
    url = reverse("admin:orders_order_change", args=[order.pk])
    queries(boss, url)
    few = queries(boss, url)
    copy(order.executions.get(), 1, 40)
    assert queries(boss, url) == few <= 16  # three for the header, one for splits since a fill


def test_the_dashboard_says_what_needs_a_person(boss: Client, memories_last: None) -> None:
    fill(3)
    Order.objects.update(held_for_desk=True)
    page = boss.get(reverse("admin:index")).content.decode()
    assert "Needs a person" in page
    assert page.count("o-2") >= 2
    assert "Decide: send it again or give it up" in page
    assert queries(boss, reverse("admin:index")) <= 22


def test_what_needs_a_person_is_told_in_the_form_of_every_list(boss: Client) -> None:
    fill(1)
    Order.objects.update(held_for_desk=True, cl_ord_id="a-client-with-a-long-name-0001")
    page = boss.get(reverse("admin:index")).content.decode()
    assert 'title="a-client-with-a-long-name-0001">a-c..me-0001</a>' in page
    assert '<span aria-hidden="true">▲</span> BUY' in page


def test_a_position_differs_until_a_comparison_makes_a_break_of_it(boss: Client) -> None:
    fill(1)
    row = Position.objects.get()
    Position.objects.update(position_qty=1_000)
    url = reverse("admin:brokers_position_changelist")
    page = re.sub("<[^>]+>", "", boss.get(url).content.decode())
    assert "differs +1,000" in page and "break +" not in page
    found = Break.objects.create(
        session_id="main",
        kind="POSITION",
        key=f"{row.account_id} {row.con_id}",
        account_id=row.account_id,
        first_seen=NOW,
        last_seen=NOW,
    )
    its_page = reverse("admin:orders_break_change", args=[found.pk])
    for place in (url, reverse("admin:brokers_position_change", args=[row.pk])):
        page = boss.get(place).content.decode()
        assert f'href="{its_page}"' in page
        assert "break +1,000" in re.sub("<[^>]+>", "", page)


def test_all_that_need_a_person_are_one_click_away(boss: Client) -> None:
    fill(9)
    Order.objects.update(state="FAILED")
    Alert.objects.bulk_create(
        Alert(kind="SESSION", session_id="main", subject=str(n), raised_at=NOW, last_raised_at=NOW)
        for n in range(10)
    )
    page = boss.get(reverse("admin:index")).content.decode()
    for words, url in (
        ("More orders need a person", "admin:orders_order_changelist"),
        ("More alerts are open", "admin:orders_alert_changelist"),
    ):
        (query,) = re.findall(rf'href="{reverse(url)}(\?[^"]+)">{words}', page)
        assert boss.get(reverse(url) + query).context["cl"].result_count >= 9


@pytest.mark.parametrize(
    ("ours", "broker", "shown"),
    [
        ({"baseline": "1", "expected": "100"}, {"reported": "90"}, "expected / reported 100 90 -10"),
        ({"expected": "1000.50"}, {"reported": "1000.75"}, "expected / reported 1000.50 1000.75 +0.25"),
        ({"state": "SENT", "cum_qty": "5"}, {"status": "Filled", "cum_qty": "5"}, "cum_qty 5 5"),
        ({"last_px": "1"}, {}, "last_px 1 –"),
    ],
)
def test_a_break_has_both_figures_and_their_difference_in_one_row(
    boss: Client, ours: dict[str, str], broker: dict[str, str], shown: str
) -> None:
    seen = {"first_seen": NOW, "last_seen": NOW, "ours": ours, "broker": broker}
    row = Break.objects.create(session_id="main", kind="POSITION", key="k", **seen)
    page = boss.get(reverse("admin:orders_break_change", args=[row.pk])).content.decode()
    rows = [
        " ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in re.findall(r"<tr.*?</tr>", page, re.S)
    ]
    assert shown in rows


def test_a_comparison_that_failed_is_not_reported_as_a_difference(boss: Client) -> None:
    fill(1)
    ReconciliationRun.objects.update(error="the gateway did not answer", differences=[])
    session = reverse("admin:brokers_gatewaysession_change", args=["main"])
    for url in (session, reverse("admin:orders_reconciliationrun_changelist")):
        page = boss.get(url).content.decode()
        assert "? failed" in page
        assert "✕ differs" not in page


def test_looking_changes_nothing(boss: Client) -> None:
    fill(1)
    make_token("algo", accounts=[], scopes=["read"])
    order, token = Order.objects.get(), ApiToken.objects.get()
    for name in ("cancel", "review"):
        assert boss.get(reverse("desk:act", args=[order.pk, name])).status_code == 200
    assert boss.get(reverse("desk:bulk_cancel")).status_code == 405
    assert boss.get(reverse("admin:orders_apitoken_revoke", args=[token.token_key])).status_code == 405
    assert not ActionRecord.objects.exists()
    assert OrderEvent.objects.count() == 1
    assert ApiToken.objects.exists()


@pytest.mark.parametrize("name", [*GROWING, "brokers_gatewaysession", "brokers_brokeraccount"])
def test_what_happened_is_not_edited(boss: Client, name: str) -> None:
    fill(1)
    model = next(m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == name)
    row = model._default_manager.first()
    for page, args in (("add", []), ("delete", [row.pk])):
        assert boss.post(reverse(f"admin:{name}_{page}", args=args), {"post": "yes"}).status_code in (
            403,
            404,
            405,
        )
    assert boss.post(reverse(f"admin:{name}_change", args=[row.pk]), {"account": "x"}).status_code in (
        403,
        405,
    )


@pytest.mark.parametrize("path", ["", "orders/order/", "brokers/inboxmessage/", "orders/apitoken/"])
def test_strangers_see_the_login(desk: None, path: str) -> None:
    assert "/admin/login/" in Client().get(f"/admin/{path}")["Location"]


def test_rights_decide_what_is_seen(person: Callable[..., Client]) -> None:
    fill(1)
    order = Order.objects.get()
    viewer, nobody = person("orders.view_order"), person()
    assert viewer.get(reverse("admin:orders_order_change", args=[order.pk])).status_code == 200
    assert viewer.get(reverse("admin:orders_apitoken_changelist")).status_code == 403
    assert nobody.get(reverse("admin:orders_order_changelist")).status_code == 403
    assert nobody.get(reverse("admin:orders_order_change", args=[order.pk])).status_code == 403
    assert nobody.get(reverse("admin:index")).status_code == 200
    assert "o-0" not in nobody.get(reverse("admin:index")).content.decode()


def test_the_badge_says_paper_or_live(boss: Client) -> None:
    assert "PAPER" in boss.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(("code", "said"), [("DF1000", "PAPER"), ("U1234567", "PAPER AND LIVE MIXED")])
def test_an_advisors_paper_login_is_no_real_money(boss: Client, code: str, said: str) -> None:
    BrokerAccount.objects.create(code=code, session_id="main")
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=boss.session["_auth_user_id"])
    assert environment(request)[0] == said
