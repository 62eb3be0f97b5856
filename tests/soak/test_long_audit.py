"""A long audit is verified in seconds, and one changed byte of it is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from orders.controls.audit.seal import seal
from orders.controls.audit.verify import Verification

ROWS = 100_000
MANY = """
    INSERT INTO orders_auditrecord (kind, person, via, address, process, account, subject, new, reason, ok)
    SELECT 'login', 'desk:' || n %% 7, 'desk', '10.0.0.1', 'test', '', 'row ' || n,
        jsonb_build_object('n', n), 'long', true
    FROM generate_series(1, %s) AS n
"""


@pytest.mark.django_db(transaction=True)
def test_a_hundred_thousand_rows_are_verified_in_seconds(
    settings: Any, record_property: Callable[[str, object], None]
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    with connection.cursor() as cursor:
        for _ in range(100):
            cursor.execute(MANY, [ROWS // 100])
    assert seal() > ROWS
    began, walk = time.monotonic(), Verification()
    assert list(walk.broken()) == []
    seconds = time.monotonic() - began
    record_property("seconds", seconds)
    assert (walk.rows > ROWS, seconds < 60) == (True, True)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE orders_auditrecord SET person = 'eve' WHERE subject = 'row 777'")
        cursor.execute("SET session_replication_role = origin")
    assert any("orders_auditrecord" in str(each) for each in Verification().broken())
