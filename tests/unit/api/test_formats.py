"""How values look in JSON."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.formats import decimal_text, time_text
from orders.entry.reading.fields import Wrong, decimal

plain = st.decimals(min_value=-(10**17), max_value=10**17, allow_nan=False, places=10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100", "100"),
        ("100.0000000000", "100"),
        ("229.9500000000", "229.95"),
        ("0E-10", "0"),
        ("1E+3", "1000"),
    ],
)
def test_a_decimal_has_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@given(plain)
def test_a_decimal_survives_its_text(value: Decimal) -> None:
    text = decimal_text(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()


@given(plain.filter(bool))
def test_what_we_write_we_read(value: Decimal) -> None:
    assert decimal(decimal_text(value)) == value


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_clear_error(text: str) -> None:
    with suppress(Wrong):
        assert decimal(text).is_finite()


def test_a_time_is_utc_with_microseconds() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == "2026-11-22T10:00:00.000001Z"
    assert time_text(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"
