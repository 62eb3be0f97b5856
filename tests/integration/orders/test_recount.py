"""PostgreSQL answers the statements by which chaos recounts the limits."""

from __future__ import annotations

import pytest
from django.db import connection

from orders.store.account_use import OPEN_ORDERS
from tradedesk.chaos.evidence import WORKING


@pytest.mark.django_db
@pytest.mark.parametrize("statement", [OPEN_ORDERS, WORKING])
def test_a_statement_of_the_recount_is_answered(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"accounts": ["DU1234567"]})
        assert cursor.fetchall() == []
