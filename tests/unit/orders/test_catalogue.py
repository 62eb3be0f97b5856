"""The catalogue of limits: one list of fields for columns, rules, forms and files."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.entry.limits.use import reading_for
from orders.models import AccountLimit, ScopeLimit
from orders.models.reasons import REASONS
from orders.risk.catalogue import CATALOGUE, FIELDS, MAX_DIGITS, LimitField, LimitSet, Unit
from orders.risk.order_rules import rules_on
from orders.risk.scopes import ScopeKind, parse_scope, scope_text
from orders.risk.use import USE_RULES

NOT_LIMITS = {"id", "version", "updated_at", "account", "scope", "allowed_instruments", "restrictions"}


def columns(model: Any) -> set[str]:
    return {field.name for field in (*model._meta.fields, *model._meta.many_to_many)} - NOT_LIMITS


def test_the_catalogue_the_columns_and_what_rules_read_have_the_same_fields() -> None:
    of_accounts = {field.name for field in CATALOGUE}
    of_others = {field.name for field in CATALOGUE if field.scopes != {ScopeKind.ACCOUNT}}
    assert columns(AccountLimit) == of_accounts
    assert columns(ScopeLimit) == of_others
    assert {field.name for field in fields(LimitSet)} - NOT_LIMITS == of_accounts


def test_an_empty_limit_set_has_every_limit_off() -> None:
    empty = LimitSet(scope="firm")
    assert [field.name for field in CATALOGUE if getattr(empty, field.name) != field.off] == []


def test_every_code_of_the_catalogue_has_its_words() -> None:
    assert {field.code for field in CATALOGUE if field.code} <= set(REASONS)


def test_soft_limits_are_limits_of_the_catalogue() -> None:
    assert set(FIELDS["soft"].words) <= set(FIELDS)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("max_order_qty", "100.50", Decimal("100.50")),
        ("max_order_qty", "1e3", Decimal(1000)),
        ("max_open_orders", 7, 7),
        ("max_open_orders", "", None),
        ("max_open_orders", None, None),
        ("max_open_orders", "0", 0),
        ("refuse_self_trade", "yes", True),
        ("refuse_self_trade", False, False),
        ("refuse_self_trade", "", False),
        ("allowed_ord_types", "LIMIT, MARKET", frozenset({"LIMIT", "MARKET"})),
        ("allowed_ord_types", ["LIMIT"], frozenset({"LIMIT"})),
        ("allowed_ord_types", [], None),
        ("soft", "", frozenset()),
        ("short_sales", "locate", "locate"),
        ("currency", "usd", "USD"),
    ],
)
def test_a_written_value_is_read_and_its_text_gives_it_again(name: str, raw: Any, value: Any) -> None:
    field = FIELDS[name]
    assert field.read(raw) == value
    assert field.read(field.text(value)) == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("max_order_qty", "-1"),
        ("max_order_qty", "NaN"),
        ("max_order_qty", "Infinity"),
        ("max_order_qty", "1e18"),
        ("max_order_qty", "many"),
        ("max_order_qty", True),
        ("max_order_qty", "0.00000000001"),
        ("max_open_orders", "1.5"),
        ("max_open_orders", "1e9"),
        ("refuse_self_trade", "perhaps"),
        ("allowed_ord_types", "LIMIT WISH"),
        ("allowed_ord_types", 5),
        ("allowed_ord_types", {"LIMIT": 1}),
        ("soft", "max_daily_loss"),
        ("short_sales", "some"),
        ("currency", "US"),
        ("currency", "U$D"),
    ],
)
def test_what_is_no_value_is_refused_with_words(name: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        FIELDS[name].read(raw)


@pytest.mark.parametrize(
    ("name", "old", "new", "tighter"),
    [
        ("max_order_qty", Decimal(100), Decimal(99), True),
        ("max_order_qty", Decimal(100), Decimal(101), False),
        ("max_order_qty", None, Decimal(100), True),
        ("max_order_qty", Decimal(100), None, False),
        ("refuse_self_trade", False, True, True),
        ("any_instrument", False, True, False),
        ("any_instrument", True, False, True),
        ("short_sales", "allowed", "locate", True),
        ("short_sales", "none", "locate", False),
        ("short_sales", None, "allowed", True),
        ("allowed_ord_types", None, frozenset({"LIMIT"}), True),
        ("allowed_ord_types", frozenset({"LIMIT"}), frozenset({"LIMIT", "STOP"}), False),
        ("soft", frozenset({"max_order_qty"}), frozenset(), True),
        ("soft", frozenset(), frozenset({"max_order_qty"}), False),
        ("currency", "USD", "JPY", False),
        ("currency", "", "USD", False),
    ],
)
def test_a_change_that_lets_less_through_is_tighter(name: str, old: Any, new: Any, tighter: bool) -> None:
    assert FIELDS[name].tightens(old, new) is tighter


@pytest.mark.parametrize("text", ["firm", "account:DU1", "strategy:a:b", "user:algo", "session:main"])
def test_a_scope_is_read_as_it_was_written(text: str) -> None:
    assert scope_text(*parse_scope(text)) == text


@pytest.mark.parametrize("text", ["", "firm:x", "account:", "account", "desk:1", ":DU1"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no scope"):
        parse_scope(text)


@pytest.mark.parametrize("rule", USE_RULES)
def test_every_rule_on_use_has_something_read_for_it(rule: str) -> None:
    one = FIELDS[rule]
    on: Any = True if one.unit == Unit.SWITCH else one.words[0] if one.words else 1
    reading = reading_for({LimitSet(scope="account:A", **{rule: on})}, ())
    asked = (reading.open_orders, reading.recent, reading.positions, reading.quotes, reading.day)
    assert any((*asked, reading.messages, reading.repeats))


ON: dict[Unit, Any] = {
    Unit.SWITCH: True,
    Unit.CHOICE: "none",
    Unit.WORDS: frozenset(),
    Unit.CURRENCY: "USD",
}


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "soft"])
def test_a_limit_is_on_by_its_value_and_zero_is_one(name: str) -> None:
    on: Any = ON.get(FIELDS[name].unit, 0)
    assert LimitSet(scope="firm", **{name: on}).on == {name}
    assert LimitSet(scope="firm", **{name: FIELDS[name].off}).on == frozenset()


def test_a_rule_that_is_off_is_not_even_asked() -> None:
    assert rules_on(LimitSet(scope="firm").on) == ()
    assert len(rules_on(LimitSet(scope="firm", max_order_qty=Decimal(1)).on)) == 1


ODD_NUMBERS = (
    "0E-999999",
    "0E+999999",
    "1e999999999",
    "-0",
    "nan",
    "sNaN",
    "Infinity",
    "9" * 10_000,
    "1E-11",
)
ODD = st.sampled_from((*ODD_NUMBERS, "\x00", "US$", "yes", "x", True, 1.5, {}, [[]], [None], b"1"))


@given(st.sampled_from(CATALOGUE), ODD | st.text() | st.decimals() | st.integers() | st.floats())
def test_whatever_is_written_as_a_limit_is_read_or_refused_with_words(field: LimitField, raw: object) -> None:
    try:
        value = field.read(raw)
    except ValueError:
        return  # in words, and nothing else is raised
    assert field.read(field.text(value)) == value
    assert field.tightens(value, value)
    if isinstance(value, Decimal):
        assert value.adjusted() > -MAX_DIGITS
        assert not value.is_signed()
