"""What only lowers a quantity: the claim's statement and the code mean the same."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from django.db import connection

from orders.models.terms import Terms, only_lowers_sql

BEFORE = Terms(Decimal(100), Decimal("1.5"), None, "DAY")
QUANTITIES, PRICES = (Decimal(99), Decimal(100), Decimal(101)), (Decimal("1.50"), Decimal(2), None)
WANTED = [Terms(*one) for one in product(QUANTITIES, PRICES, (None, Decimal(1)), ("DAY", "GTC"))]


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_claim_and_the_code_agree_on_what_only_lowers(wanted: Terms) -> None:
    columns = "(order_qty, price, stop_px, time_in_force)"
    row = "(VALUES (%s::numeric, %s::numeric, %s::numeric, %s::text))"
    statement = f"SELECT {only_lowers_sql('o', 'r')} FROM {row} AS o{columns}, {row} AS r{columns}"
    with connection.cursor() as cursor:
        cursor.execute(statement, [*BEFORE, *wanted])
        assert cursor.fetchone() == (BEFORE.only_lowers_to(wanted),)


def test_a_lower_quantity_with_another_time_in_force_is_a_change() -> None:
    lower = BEFORE._replace(order_qty=Decimal(40))
    assert BEFORE.only_lowers_to(lower)
    assert not BEFORE.only_lowers_to(lower._replace(time_in_force="GTC"))
