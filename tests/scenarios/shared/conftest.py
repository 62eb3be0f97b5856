"""Scenarios that leave the system as they found it: one serves all files of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradedesk.stack.processes.commands import ONLOOKERS
from tradedesk.stack.system import System


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system; who kills a part of it starts it again."""
    with System(tmp_path_factory.mktemp("shared"), without=ONLOOKERS) as system:
        yield system
