"""What every order writes has no index that nobody needs: some are written seven times for it."""

from __future__ import annotations

import pytest
from django.db import connection

HOT = ("orders_outboxcommand", "orders_orderevent", "orders_submissionattempt", "brokers_inboxmessage")
#: Full indexes that begin as another one does, so that whoever reads them could read that one.
COVERED = """
    SELECT a.indexrelid::regclass::text
    FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
    WHERE a.indrelid = ANY(%s::regclass[]) AND NOT a.indisunique AND a.indpred IS NULL AND b.indpred IS NULL
      AND (a.indkey::int2[])[0:a.indnkeyatts - 1] = (b.indkey::int2[])[0:a.indnkeyatts - 1]
"""
#: Full indexes of columns that may be NULL: an entry for each row that has nothing there.
OF_NULLS = """
    SELECT i.indexrelid::regclass::text
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = ANY(%s::regclass[]) AND i.indpred IS NULL AND NOT a.attnotnull
"""


@pytest.mark.django_db
@pytest.mark.parametrize("question", [COVERED, OF_NULLS])
def test_no_hot_table_has_an_index_that_nobody_needs(question: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(question, [list(HOT)])
        assert cursor.fetchall() == []
