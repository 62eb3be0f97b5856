"""Notices: what a person has chosen to be told, kept, and in which words."""

from __future__ import annotations

import pytest
from django.urls import reverse

from orders.models import Order
from tests.integration.admin.test_people import member
from tests.integration.api.conftest import ACCOUNT, OTHER, placed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("desk", "groups")]


def test_nothing_is_told_before_a_person_asked_for_it() -> None:
    assert member("trader", ACCOUNT).get(reverse("desk:notice_settings")).json() == {}


def test_notices_are_kept_per_person() -> None:
    trader, other = member("trader", ACCOUNT), member("trader", ACCOUNT)
    trader.post(reverse("desk:notices"), {"FILL": ["SOUND", "nonsense"], "DOUBT": ["DESKTOP", "SOUND"]})
    told = trader.get(reverse("desk:notice_settings")).json()
    assert told["EXECUTION"] == {"notice": "FILL", "ways": ["SOUND"]}
    assert told["IN_DOUBT"]["ways"] == ["SOUND", "DESKTOP"]
    assert "REJECTED" not in told
    assert other.get(reverse("desk:notice_settings")).json() == {}


def test_columns_stay_when_notices_change() -> None:
    trader = member("trader", ACCOUNT)
    trader.post(reverse("desk:columns"), {"column": ["state", "order"]})
    trader.post(reverse("desk:notices"), {"FILL": ["SOUND"]})
    page = trader.get(reverse("admin:orders_order_changelist"))
    assert [head["column"].name for head in page.context["headings"]] == ["state", "order"]


def test_words_name_the_orders_of_the_person_alone() -> None:
    trader, order, hidden = member("trader", ACCOUNT), placed("one"), placed("hidden", account=OTHER)
    Order.objects.filter(pk=order.pk).update(state="FILLED", cum_qty=100, avg_px=229)
    said = trader.get(reverse("desk:notice_words"), {"FILL": f"{order.pk},{hidden.pk},nonsense"}).json()
    assert said["title"] == "1 with a fill"
    assert said["body"] == "one: BUY 100 AAPL is filled, 100 at 229.0000"


def test_many_orders_are_one_notice() -> None:
    trader = member("trader", ACCOUNT)
    ids = [str(placed(f"o-{number}").pk) for number in range(7)]
    said = trader.get(reverse("desk:notice_words"), {"DOUBT": ",".join(ids)}).json()
    assert said["title"] == "7 in doubt"
    assert said["body"].endswith("and 2 more")
