"""Orders that changed today are found by when they changed, however many are stored."""

import django.contrib.postgres.indexes
from django.db import migrations

from brokers.postgres.migration_steps import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0049_splits")]

    operations = [
        BuildIndex(
            model_name="order",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["updated_at"], name="order_changed_day"),
        ),
    ]
