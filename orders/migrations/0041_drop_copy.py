"""A day of the drop copy is found by when its events were recorded."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0040_checked_snapshot")]

    operations = [
        AddIndexConcurrently(
            model_name="orderevent",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["recorded_at"], name="order_event_day"),
        ),
    ]
