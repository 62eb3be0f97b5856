"""What all tests share."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.plugin import is_copy
from tradedesk.stack.template import MIGRATED


@pytest.fixture(scope="session")
def django_db_modify_db_settings(pytestconfig: pytest.Config, django_db_modify_db_settings: None) -> None:
    """Where the server is a copy of the template, so is the test database: nothing is left to migrate."""
    if is_copy(pytestconfig):
        connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED
