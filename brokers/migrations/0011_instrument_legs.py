"""An index by which the combinations with a contract are found."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("brokers", "0010_one_state_of_a_session")]
    operations = [
        migrations.AddIndex(
            "instrument", GinIndex(fields=["legs"], name="instrument_legs", opclasses=["jsonb_path_ops"])
        )
    ]
