"""What a position has cost may be unknown."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("brokers", "0005_confirmed_instruments")]

    operations = [
        migrations.AlterField(
            "position", "avg_cost", models.DecimalField(decimal_places=10, max_digits=28, null=True)
        ),
    ]
