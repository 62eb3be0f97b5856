"""The recount of chaos asks the statements of the limits with everything that they want to know."""

from __future__ import annotations

import re

import pytest

from orders.store.account_use import OPEN_ORDERS
from tradedesk.chaos.evidence import WORKING


@pytest.mark.parametrize("statement", [OPEN_ORDERS, WORKING])
def test_every_word_of_a_statement_of_the_limits_is_given(statement: str) -> None:
    assert set(re.findall(r"%\((\w+)\)s", statement)) == {"accounts"}
