"""Limits and approvals at the desk: meters, a form that goes stale, files with a preview, two buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from brokers.models import BrokerAccount, Instrument
from orders.models import AccountLimit, Approval, DeskProfile, LimitChange, ScopeLimit
from tests.integration.api.conftest import ACCOUNT, OTHER

Person = Callable[..., Client]
RISK = ("orders.view_order", "orders.view_accountlimit", "orders.change_accountlimit", "orders.view_approval")
DECIDES = (*RISK, "orders.decide_approval")
URL = f"/admin/desk/limits/scope/?scope=account:{ACCOUNT}"


def limits() -> AccountLimit:
    return AccountLimit.objects.get(account=ACCOUNT)


def form(**changes: Any) -> dict[str, Any]:
    now = limits()
    listed = list(now.allowed_instruments.values_list("pk", flat=True))
    return {
        "max_order_qty": "10000",
        "max_notional": "5000000",
        "any_instrument": "on",
        "allowed_instruments": listed,
        "version": now.version,
        "reason": "asked by risk",
        **changes,
    }


def test_the_form_tightens_at_once_and_loosens_after_another_person(person: Person) -> None:
    maker, approver = person(*DECIDES), person(*DECIDES)
    assert maker.get(URL).status_code == 200
    assert maker.post(URL, form(max_order_qty="50", max_notional="9000000")).status_code == 303
    assert (limits().max_order_qty, limits().max_notional) == (50, 5_000_000)
    approval = Approval.objects.get()
    path = reverse("desk:approval_decide", args=[approval.pk, "approve"])
    assert "Take it back" in maker.get(reverse("desk:approvals")).content.decode()
    assert "1 to approve" in approver.get(URL).content.decode()
    assert "to approve</a>" not in maker.get(URL).content.decode()
    maker.post(path, {"reason": "mine"})
    approver.post(path, {"reason": ""})
    assert limits().max_notional == 5_000_000
    approver.post(path, {"reason": "compared"})
    assert limits().max_notional == 9_000_000


def test_the_time_of_a_change_is_utc_whatever_the_zone_of_the_person(person: Person) -> None:
    maker = person(*RISK)
    maker.cookies["desk_zone"] = "America/New_York"
    assert maker.post(URL, form(max_order_qty="50", from_when="2090-06-01T12:00")).status_code == 303
    change = LimitChange.objects.get(maker="desk:jo-1", field="max_order_qty")
    assert change.from_when == datetime(2090, 6, 1, 12, tzinfo=UTC)


def test_a_save_in_a_second_window_is_refused_with_what_changed(person: Person) -> None:
    boss = person(*RISK)
    seen = form(max_open_orders="7")
    boss.post(URL, form(max_order_qty="50"))
    page = boss.post(URL, seen)
    assert page.status_code == 200
    assert "max_order_qty 10000 -&gt; 50 by desk:jo-1" in page.content.decode()
    assert (limits().max_order_qty, limits().max_open_orders) == (50, None)


@pytest.mark.parametrize("value", ["-1", "NaN", "1e400", "", "x"])
def test_limits_are_numbers_from_zero(person: Person, value: str) -> None:
    assert person(*RISK).post(URL, form(max_order_qty=value)).status_code == 200
    assert limits().max_order_qty == 10_000


def test_who_may_only_look_changes_nothing_and_other_accounts_are_not_there(person: Person) -> None:
    viewer = person("orders.view_accountlimit")
    DeskProfile.objects.get().accounts.remove(OTHER)
    assert viewer.get(URL).status_code == 200
    assert viewer.post(URL, form(max_order_qty="5")).status_code == 403
    assert viewer.get("/admin/desk/limits/scope/?scope=firm").status_code == 404
    for wrong in ("", "desk", "account:DU0", "session:main"):
        assert viewer.get("/admin/desk/limits/scope/", {"scope": wrong}).status_code == 404
    assert viewer.get(reverse("desk:limits_import")).status_code == 403
    assert person().get(URL).status_code == 403
    assert limits().max_order_qty == 10_000


def test_the_page_shows_every_scope_with_its_meters(person: Person) -> None:
    ScopeLimit.objects.create(scope="strategy:momentum", max_daily_orders=9)
    AccountLimit.objects.update(max_open_orders=10)
    page = person(*RISK, superuser=True).get(reverse("desk:limits")).content.decode()
    for words in (f"account:{ACCOUNT}", f"account:{OTHER}", "strategy:momentum", "max open orders", "<meter"):
        assert words in page
    small = person("orders.view_accountlimit")
    DeskProfile.objects.latest("pk").accounts.remove(OTHER)
    page = small.get(reverse("desk:limits")).content.decode()
    assert f"account:{ACCOUNT}" in page
    assert "strategy:momentum</a>" not in page
    assert f"account:{OTHER}" not in page


def test_an_account_without_limits_says_that_nothing_may_be_ordered(person: Person) -> None:
    BrokerAccount.objects.create(code="DU9", session_id="main")
    assert "DU9 has no limits" in person(superuser=True).get(reverse("desk:limits")).content.decode()


def test_the_lists_of_the_admin_lead_to_the_pages_of_limits(person: Person) -> None:
    boss = person(superuser=True)
    assert boss.get(reverse("admin:orders_accountlimit_changelist")).url == reverse("desk:limits")  # type: ignore[attr-defined]
    page = boss.get(reverse("admin:orders_accountlimit_change", args=[limits().pk]))
    assert f"account:{ACCOUNT}" in page.url  # type: ignore[attr-defined]
    assert boss.get(reverse("admin:orders_accountlimit_add")).status_code == 403


def test_an_export_imported_again_changes_nothing(person: Person) -> None:
    boss = person(superuser=True)
    text = boss.get(reverse("desk:limits_export")).content.decode()
    LimitChange.objects.all().delete()
    boss.post(reverse("desk:limits_import"), {"text": text, "reason": "same", "confirm": "1"})
    assert not LimitChange.objects.exists()


def test_an_import_shows_old_and_new_and_then_asks(person: Person) -> None:
    boss = person(*RISK, superuser=True)
    text = f"scope,field,value\naccount:{ACCOUNT},max_order_qty,77\nfirm,max_daily_orders,500\n"
    page = boss.post(reverse("desk:limits_import"), {"text": text, "reason": "yearly review"})
    assert f"account:{ACCOUNT} max_order_qty" in page.content.decode()
    assert limits().max_order_qty == 10_000
    boss.post(reverse("desk:limits_import"), {"text": text, "reason": "yearly review", "confirm": "1"})
    assert limits().max_order_qty == Decimal(77)
    assert ScopeLimit.objects.get(scope="firm").max_daily_orders == 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "required"),
        ("a,b\n", "first line"),
        ("scope,field,value\n", "no line"),
        (f"scope,field,value\naccount:{ACCOUNT},max_order_qty\n", "Line 2 has 2"),
        (f"scope,field,value\naccount:{ACCOUNT},max_order_qty,x\n", "Line 2"),
        (f"scope,field,value\naccount:{ACCOUNT},wish,1\n", "Line 2"),
        ("scope,field,value\nfirm,max_order_qty,1\nfirm,max_order_qty,2\n", "second time"),
        ("scope,field,value\nfirm,max_order_qty,1\naccount:DU0,max_order_qty,2\n", "Line 3"),
    ],
)
def test_a_wrong_file_names_its_line_and_changes_nothing(person: Person, text: str, said: str) -> None:
    answer = {"text": text, "reason": "x", "confirm": "1"}
    page = person(superuser=True).post(reverse("desk:limits_import"), answer)
    assert said in page.content.decode()
    assert not ScopeLimit.objects.exists()


def test_a_desk_of_one_person_shows_it_in_the_header_and_in_readyz(person: Person, settings: Any) -> None:
    settings.FOUR_EYES = frozenset()
    boss = person(superuser=True)
    assert "PAPER - ONE PERSON" in boss.get(reverse("desk:limits")).content.decode()
    assert boss.get("/readyz").json()["four_eyes"] == []


def test_instruments_are_allowed_and_taken_back_in_the_form(person: Person) -> None:
    aapl = Instrument.objects.get(symbol="AAPL").pk
    person(*RISK).post(URL, form(allowed_instruments=[aapl]))
    assert limits().allowed_instruments.count() == 1
