"""Raw messages may be archived: no constraint looks for those of old events. Legal holds keep them."""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


def permit(apps, schema_editor):
    permission = import_module("orders.migrations.0029_rights_of_controls").permission
    right = permission(apps, "change_legalhold", "legalhold")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=("supervisor", "auditor")):
        group.permissions.add(right)


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0010_one_state_of_a_session'),
        ('orders', '0032_priorities_and_backlog'),
    ]

    operations = [
        migrations.AlterField(
            model_name='orderevent',
            name='inbox',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='brokers.inboxmessage'),
        ),
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(max_length=500)),
                ('made_by', models.CharField(max_length=150)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('released_by', models.CharField(blank=True, default='', max_length=150)),
                ('released_at', models.DateTimeField(blank=True, null=True)),
                ('release_reason', models.CharField(blank=True, default='', max_length=500)),
                ('session', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='brokers.gatewaysession')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.RunPython(permit, migrations.RunPython.noop),
    ]
