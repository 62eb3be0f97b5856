"""Group orders have no account of their own; executions remember when their costs were told."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brokers", "0003_session_health"),
        ("orders", "0011_basket_by_meaning"),
    ]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="brokers.brokeraccount",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("account", None)), fields=["-id"], name="order_group"
            ),
        ),
        migrations.AddField(
            model_name="execution",
            name="commission_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="execution",
            name="sec_type",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
    ]
