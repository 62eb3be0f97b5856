"""The live API tried by schemathesis with many examples of every operation, of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stack.schemathesis import SETTINGS, cases_without_a_fault, token
from tradedesk.stack.processes import ONLOOKERS
from tradedesk.stack.system import System


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("stack"), without=ONLOOKERS, **SETTINGS) as system:
        yield system


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_examples_of_every_operation_find_nothing(
    stack: System, seed: int, record_property: Callable[[str, object], None]
) -> None:
    cases = cases_without_a_fault(stack, "--max-examples", "25", *token(stack), seed=seed)
    record_property("cases", cases)
    assert cases > 1000
