from django.db import migrations, models
import django.db.models.deletion

from brokers.postgres.migration_steps import BuildIndex, DropFieldIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('orders', '0037_reports'),
    ]

    operations = [
        BuildIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('parent__isnull', False)), fields=['parent'], name='order_parent'),
        ),
        BuildIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('group__isnull', False)), fields=['group'], name='order_of_group'),
        ),
        DropFieldIndex(
            model_name='order',
            name='parent',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='orders.slicedorder'),
        ),
        DropFieldIndex(
            model_name='order',
            name='group',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='orders.ordergroup'),
        ),
    ]
