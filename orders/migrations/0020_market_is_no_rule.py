"""What the market says is no rule: a bid that moves makes no new version of the ruleset."""

from django.db import migrations

TRIGGER = """
DROP TRIGGER rulebook_instrument_rules ON brokers_instrument;
CREATE TRIGGER rulebook_instrument_rules AFTER UPDATE ON brokers_instrument FOR EACH ROW
    WHEN ((to_jsonb(OLD) - '{%(market)s}'::text[]) IS DISTINCT FROM
          (to_jsonb(NEW) - '{%(market)s}'::text[]))
    EXECUTE FUNCTION orders_new_edition();
"""
BEFORE = "last_px,last_px_at"
SINCE = (
    f"{BEFORE},bid_px,bid_px_at,ask_px,ask_px_at,close_px,close_px_at,average_volume,shortable_shares,halted"
)


class Migration(migrations.Migration):
    dependencies = [("orders", "0019_limits_by_scope"), ("brokers", "0009_market_figures")]
    operations = [migrations.RunSQL(TRIGGER % {"market": SINCE}, TRIGGER % {"market": BEFORE})]
