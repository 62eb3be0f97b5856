"""Any text, number or key of the broker has a form that a column takes, and two keys stay two."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.postgres import storable

ANY_TEXT = st.text(st.characters())  # NUL and halves of surrogate pairs among them
SCALAR = ANY_TEXT | st.integers() | st.floats() | st.decimals() | st.none() | st.booleans()
ANY_JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))


@given(value=ANY_TEXT, length=st.integers(20, 300))
def test_a_key_of_any_text_fits_and_is_utf8(value: str, length: int) -> None:
    key = storable.key(value, length)
    assert len(key) <= length
    assert b"\0" not in key.encode()
    assert storable.key(value, length) == key


def test_long_keys_that_begin_alike_stay_two_and_readable() -> None:
    one, other = storable.key("exec:" + "a" * 400 + "1"), storable.key("exec:" + "a" * 400 + "2")
    assert one != other
    assert one.startswith("exec:aaa")
    assert storable.key("exec:short") == "exec:short"


@given(value=ANY_JSON)
def test_any_value_is_json_without_nul_or_nan(value: Any) -> None:
    document = json.dumps(storable.plain(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in document
    assert document.encode()


@given(value=st.decimals() | st.decimals(allow_nan=False, places=20))
def test_a_number_fits_its_column_or_is_none(value: Decimal) -> None:
    number = storable.number(value)
    assert number is None or (abs(number) < 10**18 and number == round(number, 10))


@pytest.mark.parametrize("text", ["NaN", "sNaN", "-Infinity", "1.7976931348623157E308", "1e18"])
def test_what_no_column_holds_is_none(text: str) -> None:
    assert storable.number(Decimal(text)) is None


def test_numbers_of_any_size_and_depth_are_plain() -> None:
    deep: Any = 10**5000
    for _ in range(200):
        deep = [deep]
    assert json.dumps(storable.plain(deep))
    assert storable.plain(10**5000).startswith("0x")
