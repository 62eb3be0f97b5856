"""Orders found by their ids' first letters without a look at all of them."""

from __future__ import annotations

from django.db import migrations, models

from brokers.postgres.migration_steps import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0060_clock_alerts")]

    operations = [
        BuildIndex(
            model_name="order",
            index=models.Index(
                fields=["cl_ord_id"], opclasses=["varchar_pattern_ops"], name="order_cl_ord_id"
            ),
        ),
    ]
