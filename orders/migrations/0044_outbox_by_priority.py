from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models

from brokers.postgres.migration_steps import BuildIndex


class Migration(migrations.Migration):
    atomic = False  # the index is made beside the orders that come in

    dependencies = [
        ('orders', '0043_desk_settings'),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name='outboxcommand',
            name='outbox_waiting',
        ),
        BuildIndex(
            model_name='outboxcommand',
            index=models.Index(condition=models.Q(('done_at__isnull', True)), fields=['session', 'kind', 'priority', 'id'], name='outbox_waiting'),
        ),
    ]
