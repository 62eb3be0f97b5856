"""The database itself keeps history: no update, no delete, no truncate of order events and of notes on breaks.

Tests empty tables between each other and say so by the setting `tradedesk.may_truncate`.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION orders_refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('tradedesk.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'order events are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER order_event_append_only BEFORE UPDATE OR DELETE ON orders_orderevent
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_event_change();
CREATE TRIGGER order_event_no_truncate BEFORE TRUNCATE ON orders_orderevent
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_event_change();
CREATE FUNCTION orders_refuse_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('tradedesk.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'notes of breaks are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER break_note_append_only BEFORE UPDATE OR DELETE ON orders_breaknote
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_note_change();
CREATE TRIGGER break_note_no_truncate BEFORE TRUNCATE ON orders_breaknote
    FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_note_change();
"""
BACKWARD = """
DROP TRIGGER break_note_no_truncate ON orders_breaknote;
DROP TRIGGER break_note_append_only ON orders_breaknote;
DROP FUNCTION orders_refuse_note_change();
DROP TRIGGER order_event_no_truncate ON orders_orderevent;
DROP TRIGGER order_event_append_only ON orders_orderevent;
DROP FUNCTION orders_refuse_event_change();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
