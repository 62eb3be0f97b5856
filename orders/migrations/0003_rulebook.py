"""The rulebook: a new edition with every change of accounts, instruments, limits and what they allow."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orders_new_edition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orders_rulebook (id, edition) VALUES (1, gen_random_uuid())
    ON CONFLICT (id) DO UPDATE SET edition = gen_random_uuid();
    RETURN NULL;
END $$;

CREATE TRIGGER rulebook_limits AFTER INSERT OR UPDATE OR DELETE ON orders_accountlimit
    FOR EACH STATEMENT EXECUTE FUNCTION orders_new_edition();
CREATE TRIGGER rulebook_allowed AFTER INSERT OR UPDATE OR DELETE ON orders_accountlimit_allowed_instruments
    FOR EACH STATEMENT EXECUTE FUNCTION orders_new_edition();
CREATE TRIGGER rulebook_accounts AFTER INSERT OR UPDATE OR DELETE ON brokers_brokeraccount
    FOR EACH STATEMENT EXECUTE FUNCTION orders_new_edition();
CREATE TRIGGER rulebook_instruments AFTER INSERT OR DELETE ON brokers_instrument
    FOR EACH STATEMENT EXECUTE FUNCTION orders_new_edition();
-- Prices are no rule: they change every second.
CREATE TRIGGER rulebook_instrument_rules AFTER UPDATE ON brokers_instrument FOR EACH ROW
    WHEN ((to_jsonb(OLD) - '{last_px,last_px_at}'::text[]) IS DISTINCT FROM
          (to_jsonb(NEW) - '{last_px,last_px_at}'::text[]))
    EXECUTE FUNCTION orders_new_edition();
INSERT INTO orders_rulebook (id, edition) VALUES (1, gen_random_uuid());
"""

BACKWARD = """
DROP TRIGGER rulebook_instrument_rules ON brokers_instrument;
DROP TRIGGER rulebook_instruments ON brokers_instrument;
DROP TRIGGER rulebook_accounts ON brokers_brokeraccount;
DROP TRIGGER rulebook_allowed ON orders_accountlimit_allowed_instruments;
DROP TRIGGER rulebook_limits ON orders_accountlimit;
DROP FUNCTION orders_new_edition();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_append_only"), ("brokers", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
