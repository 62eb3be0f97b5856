"""Marks move where the broker says more than was asked for: what a process knows of the use stands no more.

An execution of our order moves a quantity from what works to what is held, and its end gives back: neither adds.
What adds is an order that is not ours, larger or other terms, an execution taken back or beyond the order's
quantity, a dead order that is alive again, and a position that our own executions do not explain.
"""

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER external_order_moves_marks AFTER INSERT ON orders_order
    FOR EACH ROW WHEN (NEW.source = 'EXTERNAL') EXECUTE FUNCTION orders_order_moves_marks();
CREATE TRIGGER raised_order_moves_marks AFTER UPDATE ON orders_order
    FOR EACH ROW WHEN (
        NEW.order_qty > OLD.order_qty OR NEW.cum_qty < OLD.cum_qty
        OR NEW.cum_qty > OLD.cum_qty AND NEW.cum_qty > NEW.order_qty
        OR NEW.price IS DISTINCT FROM OLD.price OR NEW.stop_px IS DISTINCT FROM OLD.stop_px
        OR NEW.account_id IS DISTINCT FROM OLD.account_id
        OR OLD.state IN ('FILLED', 'COMPLETED', 'CANCELED', 'EXPIRED', 'REJECTED', 'FAILED')
           AND NEW.state NOT IN ('FILLED', 'COMPLETED', 'CANCELED', 'EXPIRED', 'REJECTED', 'FAILED'))
    EXECUTE FUNCTION orders_order_moves_marks();
CREATE TRIGGER raised_parent_moves_marks AFTER UPDATE ON orders_slicedorder
    FOR EACH ROW WHEN (NEW.order_qty > OLD.order_qty
        OR OLD.state NOT IN ('RUNNING', 'PAUSED', 'ENDING') AND NEW.state IN ('RUNNING', 'PAUSED', 'ENDING'))
    EXECUTE FUNCTION orders_parent_moves_marks();

CREATE FUNCTION orders_position_moves_marks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before numeric := 0; since timestamptz := '-infinity'; bought numeric; sold numeric;
BEGIN
    IF NOT EXISTS (SELECT FROM orders_usemark WHERE owner = NEW.account_id) THEN
        RETURN NULL;  -- nobody has asked for its use
    END IF;
    IF TG_OP = 'UPDATE' THEN
        before := OLD.position_qty; since := OLD.reported_at - interval '5 seconds';
    END IF;
    SELECT COALESCE(sum(x.last_qty) FILTER (WHERE x.side = 'BUY'), 0),
        COALESCE(sum(x.last_qty) FILTER (WHERE x.side <> 'BUY'), 0) INTO bought, sold
    FROM orders_execution x JOIN orders_order o ON o.id = x.order_id AND o.source <> 'EXTERNAL'
    WHERE x.account_id = NEW.account_id AND x.con_id = NEW.con_id AND NOT x.superseded
      AND x.transact_time > now() - interval '1 hour' AND x.received_at > since;
    IF NEW.position_qty - before NOT BETWEEN -sold AND bought THEN
        PERFORM orders_move_marks(NEW.account_id, NULL, '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER new_position_moves_marks AFTER INSERT ON brokers_position
    FOR EACH ROW WHEN (NEW.position_qty <> 0) EXECUTE FUNCTION orders_position_moves_marks();
CREATE TRIGGER position_moves_marks AFTER UPDATE ON brokers_position
    FOR EACH ROW WHEN (NEW.position_qty IS DISTINCT FROM OLD.position_qty)
    EXECUTE FUNCTION orders_position_moves_marks();
"""
NO_LONGER = """
DROP TRIGGER position_moves_marks ON brokers_position;
DROP TRIGGER new_position_moves_marks ON brokers_position;
DROP FUNCTION orders_position_moves_marks;
DROP TRIGGER raised_parent_moves_marks ON orders_slicedorder;
DROP TRIGGER raised_order_moves_marks ON orders_order;
DROP TRIGGER external_order_moves_marks ON orders_order;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0050_orders_changed_today")]
    operations = [migrations.RunSQL(TRIGGERS, NO_LONGER)]
