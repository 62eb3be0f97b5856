"""A day of the drop copy is found by when its events were recorded."""

import django.contrib.postgres.indexes
from django.db import migrations

from brokers.postgres.migration_steps import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0040_checked_snapshot")]

    operations = [
        BuildIndex(
            model_name="orderevent",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["recorded_at"], name="order_event_day"),
        ),
    ]
