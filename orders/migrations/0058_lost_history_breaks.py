"""Lost history is a kind of break: a word more in a list, nothing in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0051_use_raised_by_broker")]

    operations = [
        migrations.AlterField(
            model_name="break",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ORDER", "Order"),
                    ("EXECUTION", "Execution"),
                    ("COMMISSION", "Commission"),
                    ("POSITION", "Position"),
                    ("CASH", "Cash"),
                    ("STATEMENT", "Statement"),
                    ("LOST_HISTORY", "Lost history"),
                ],
                max_length=12,
            ),
        )
    ]
