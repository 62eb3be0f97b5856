"""Every table is audited, or says why it is not."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

from orders.controls.audit.tables import CHANGEABLE, FOLLOWED, KEPT, NOT_AUDITED, SEALED, words

pytestmark = pytest.mark.django_db


def test_each_table_is_followed_sealed_or_says_why_not() -> None:
    tables = {
        model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed
    }
    named = {*(each.table for each in FOLLOWED), *SEALED, *NOT_AUDITED}
    assert tables - named == set(), "name them in orders/controls/audit/tables.py"


def test_what_is_named_of_a_table_is_there() -> None:
    wanted = [(each.table, {*each.only, *each.without, *each.hidden}) for each in FOLLOWED]
    wanted += [(each.table, set(each.columns)) for each in SEALED.values()]
    wanted += [(table, set(columns)) for table, columns in CHANGEABLE.items()] + [
        (table, set()) for table in KEPT
    ]
    with connection.cursor() as cursor:
        for table, names in wanted:
            found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            assert names - found == set(), table


def test_every_column_of_an_order_is_sealed_or_changes_with_its_way() -> None:
    """What is ordered joins the seal: a new column of an order is named here or there."""
    on_its_way = words(
        "state attempt cum_qty avg_px trade_date "
        "day_cum_qty day_avg_px version links group_rank "
        "fresh_until ruleset checked_at checked_snapshot perm_id broker_client_id "
        "broker_order_id lease_epoch ack_deadline unconfirmed_at absent_rounds "
        "absent_snapshot held_for_desk overfilled commission_missing standing "
        "closed_as queued_at claimed_at sent_at acknowledged_at "
        "first_fill_at last_fill_at completed_at updated_at "
    )
    columns = {field.column for field in apps.get_model("orders", "Order")._meta.concrete_fields}
    assert columns - set(SEALED["orders_order"].columns) - set(on_its_way) == set()
