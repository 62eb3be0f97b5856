"""The live API tried by schemathesis with many examples of every operation, of several seeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from orders.models import Scope
from tests.stack.schemathesis import SETTINGS, cases_without_a_fault, token
from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS, **SETTINGS) as system:
        yield system


@pytest.mark.parametrize("seed", [int(os.environ.get("SCHEMATHESIS_SEED", "1"))])
def test_many_examples_of_every_operation_find_nothing(
    stack: System, seed: int, record_property: Callable[[str, object], None]
) -> None:
    cases = cases_without_a_fault(stack, "--max-examples", "25", *token(stack), seed=seed)
    record_property("cases", cases)
    assert cases > 1000


#: Seconds for each kind of token.
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "12"))


@pytest.mark.parametrize("scope", Scope.values)
def test_a_token_of_each_kind_finds_nothing(
    stack: System, scope: str, record_property: Callable[[str, object], None]
) -> None:
    """Most operations are refused to it: that is an answer of the published form as well."""
    cases = cases_without_a_fault(stack, "--max-time", str(SECONDS), *token(stack, scope))
    record_property("cases", cases)
    assert cases > 60  # of some seventy operations: how many more is the machine's speed
