"""What only other people's orders told of contracts is not confirmed, and answers no look-up.

Of several rows that go by the same description only the first stays confirmed: the broker is asked again.
"""

from __future__ import annotations

from django.db import migrations, models

CHOICES = [(word, word) for word in ("STK", "FUT", "OPT", "CASH", "BAG")]
NEVER_RESOLVED = """
    UPDATE brokers_instrument SET confirmed = false WHERE con_id IS NOT NULL AND resolved_at IS NULL
"""
SECOND_OF_A_TICKER = """
    UPDATE brokers_instrument i SET confirmed = false, resolved_at = NULL
    WHERE sec_type = 'STK' AND EXISTS (
        SELECT FROM brokers_instrument o
        WHERE o.id < i.id AND (o.symbol, o.sec_type, o.exchange, o.currency)
            = (i.symbol, i.sec_type, i.exchange, i.currency))
"""


class Migration(migrations.Migration):
    dependencies = [("brokers", "0004_order_ids_used_up")]

    operations = [
        migrations.AddField("instrument", "confirmed", models.BooleanField(default=True)),
        migrations.AlterField("instrument", "sec_type", models.CharField(choices=CHOICES, max_length=16)),
        migrations.AlterField("position", "sec_type", models.CharField(max_length=16)),
        migrations.RunSQL(NEVER_RESOLVED, migrations.RunSQL.noop),
        migrations.RunSQL(SECOND_OF_A_TICKER, migrations.RunSQL.noop),
        migrations.RemoveConstraint("instrument", "instrument_unique_description"),
        migrations.AddConstraint(
            "instrument",
            models.UniqueConstraint(
                fields=[
                    *("symbol", "sec_type", "exchange", "currency", "maturity"),
                    *("strike_price", "put_or_call", "trading_class", "local_symbol", "legs"),
                ],
                name="instrument_unique_description",
                nulls_distinct=False,
                condition=models.Q(confirmed=True),
            ),
        ),
    ]
