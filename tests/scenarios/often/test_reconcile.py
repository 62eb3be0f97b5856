"""`manage.py reconcile` asks the broker worker and says what differs."""

from __future__ import annotations

import pytest

from tradedesk.stack.errors import StackError
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System


def test_books_that_agree_are_said_to_agree(stack: System) -> None:
    order = stack.api.placed()
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED")
    assert stack.manage("reconcile", "--account", "DU1234567").split("\n")[:2] == [
        "main orders: agrees",
        "main positions: agrees",
    ]


def test_without_a_broker_worker_it_says_which_command_is_missing(stack: System) -> None:
    stack.kill("broker")
    with pytest.raises(StackError, match="brokerworker main"):
        stack.manage("reconcile", "--limit", "1")
    stack.start("broker")


def test_an_unknown_account_is_named(stack: System) -> None:
    with pytest.raises(StackError, match="There is no account DU0"):
        stack.manage("reconcile", "--account", "DU0")
