"""FIX order state changes with a restart in every gap between two messages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.integration.orders.fix_player import Player
from tests.integration.orders.fix_tables import Path_
from tests.integration.orders.test_fix_scenarios import CROSSED, PATHS, client_

__all__ = ["client_"]


@pytest.mark.parametrize("path", [*PATHS, *CROSSED], ids=lambda path: path.name)
def test_scenario_with_a_restart_in_every_gap(client_: User, path: Path_) -> None:
    Player(client_).assert_plays(path.rows, restart_in=path.gaps)
