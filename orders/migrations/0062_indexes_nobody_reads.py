"""An order writes no index that nobody reads: those of foreign keys that another index begins with."""

import django.db.models.deletion
from django.db import migrations, models

from brokers.postgres.migration_steps import BuildIndex, DropFieldIndex


class Migration(migrations.Migration):
    atomic = False  # each step for itself: two tables under one lock could meet an order half way

    dependencies = [
        ("brokers", "0013_inbox_without_session_index"),
        ("orders", "0061_order_cl_ord_id_index"),
    ]

    operations = [
        BuildIndex(
            model_name="outboxcommand",
            index=models.Index(
                condition=models.Q(("request__isnull", False)), fields=["request"], name="outbox_request"
            ),
        ),
        DropFieldIndex(
            model_name="outboxcommand",
            name="request",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="orders.orderrequest",
            ),
        ),
        DropFieldIndex(
            model_name="outboxcommand",
            name="session",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="brokers.gatewaysession"
            ),
        ),
        DropFieldIndex(
            model_name="orderevent",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="orders.order",
            ),
        ),
        DropFieldIndex(
            model_name="orderevent",
            name="inbox",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="brokers.inboxmessage",
            ),
        ),
    ]
