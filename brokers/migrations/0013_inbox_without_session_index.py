"""A message is found by its key, whose index begins with the session: the session's own were only written."""

import django.db.models.deletion
from django.db import migrations, models

from brokers.postgres.migration_steps import DropFieldIndex


class Migration(migrations.Migration):
    dependencies = [("brokers", "0012_advisorlogin")]

    operations = [
        DropFieldIndex(
            model_name="inboxmessage",
            name="session",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="brokers.gatewaysession"
            ),
        ),
    ]
