import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0002_profits'),
    ]

    operations = [
        migrations.CreateModel(
            name='SessionHealth',
            fields=[
                ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='health', serialize=False, to='brokers.gatewaysession')),
                ('threads', models.JSONField(default=dict)),
                ('steps', models.JSONField(default=dict)),
                ('reported_at', models.DateTimeField()),
            ],
        ),
    ]
