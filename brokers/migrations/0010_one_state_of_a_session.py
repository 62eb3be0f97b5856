"""A session's pause and HALTED are trading states now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("brokers", "0009_market_figures"), ("orders", "0025_trading_states")]
    operations = [
        migrations.RemoveField(model_name="gatewaysession", name=name)
        for name in ("paused_at", "paused_by", "pause_reason", "halted_at", "halt_reason")
    ]
