"""One form for prices, money, quantities and times on every page of the desk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateField, DecimalField, FloatField
from django.utils import formats, timezone

from brokers import display

TEMPLATES = Path(display.__file__).parents[1] / "tradedesk" / "templates"
admin.autodiscover()  # as the URLs do


@dataclass
class Contract:
    min_tick: Decimal | None


@pytest.mark.parametrize(
    ("px", "tick", "extra", "shown"),
    [
        ("229.9", "0.01", 0, "229.90"),
        ("229.9", "0.01", 2, "229.9000"),
        ("229.905", "0.01", 0, "229.905"),
        ("1234.5", "0.25", 0, "1,234.50"),
        ("0.00012", "0.00005", 0, "0.00012"),
        ("100", "1", 0, "100"),
        ("100.10", None, 0, "100.1"),
        ("-0.5", "0.01", 0, "−0.50"),
    ],
)
def test_a_price_has_the_decimals_of_the_instruments_tick(
    px: str, tick: str | None, extra: int, shown: str
) -> None:
    contract = Contract(Decimal(tick) if tick else None)
    assert display.price_text(Decimal(px), contract, extra) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("22995", ">22,995.00 USD<"),
        ("-0.5", ">−0.50 USD<"),
        ("0.0035", 'title="0.0035">0.00 USD<'),
        (None, ">–<"),
    ],
)
def test_money_has_two_decimals_its_currency_and_the_rest_in_its_title(
    amount: str | None, shown: str
) -> None:
    assert shown in display.money(Decimal(amount) if amount else None, "USD")


def test_what_rounds_to_zero_has_no_sign() -> None:
    told = [display.number_text(Decimal(text), 1) for text in ("-0.04", "-0.06", "0", "-1000.5")]
    assert told == ["0.0", "−0.1", "0.0", "−1,000.5"]


def test_a_time_begins_with_its_date_where_that_is_not_today() -> None:
    now = timezone.now()
    assert f">{now:%H:%M:%S}<" in display.moment(now)
    old = datetime(2024, 2, 29, 23, 30, 5, tzinfo=UTC)
    assert ">2024-02-29 23:30:05<" in display.moment(old)
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        shown = display.moment(old)
    assert ">2024-03-01 08:30:05<" in shown
    assert 'title="2024-02-29 23:30:05 UTC"' in shown
    assert display.moment(None) == display.day(None) == "–"


def test_django_writes_dates_and_times_as_the_desk_does() -> None:
    at = datetime(2024, 2, 9, 23, 30, 5, tzinfo=UTC)
    assert formats.localize(at) == "2024-02-09 23:30:05"
    assert formats.localize(date(2024, 2, 9)) == "2024-02-09"


def test_no_list_shows_a_bare_time_price_or_amount() -> None:
    bare = []
    for model, page in admin.site._registry.items():
        for name in page.list_display:
            try:
                field = model._meta.get_field(str(name))
            except FieldDoesNotExist:
                continue
            if isinstance(field, DateField | DecimalField | FloatField):
                bare.append(f"{model.__name__}.{name}")
    assert bare == []


#: Shares, seconds and places in a drawing; whatever is traded or dated goes through `brokers.display`.
OTHER_FIGURES = {"dashboard_today.html", "order_hops.html", "session_live.html"}
OWN_FORM = re.compile(r"\|(?:date|time|intcomma|localize)\b|\|floatformat")


def test_no_page_gives_figures_or_times_a_form_of_its_own() -> None:
    pages = [page for page in TEMPLATES.rglob("*.html") if page.name not in OTHER_FIGURES]
    found = {page.name: own for page in pages if (own := OWN_FORM.findall(page.read_text()))}
    assert len(pages) > 80
    assert found == {}
