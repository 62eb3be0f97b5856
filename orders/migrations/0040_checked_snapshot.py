"""What a check saw; and, while processes of the version before record too, marks that move for them.

The version before waits in line by an advisory lock and leaves the marks of `orders_usemark` alone. Its orders
come without `checked_snapshot`, by which a trigger knows them; those of this version it costs nothing. The next
version drops the triggers with the lock (docs/decisions/0057).
"""

from django.db import migrations, models

OF_OWNERS = """
CREATE FUNCTION orders_move_marks(account text, client bigint, strategy text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM orders_usemark WHERE owner IN (account, 'firm', 'strategy:' || strategy,
        'user:' || (SELECT username FROM auth_user WHERE id = client))
    ORDER BY owner COLLATE "C" FOR UPDATE;
    UPDATE orders_usemark SET version = version + 1 WHERE owner IN (account, 'firm', 'strategy:' || strategy,
        'user:' || (SELECT username FROM auth_user WHERE id = client));
END $$;

CREATE FUNCTION orders_order_moves_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_move_marks(NEW.account_id, NEW.client_id, NEW.strategy);
    RETURN NULL;
END $$;
CREATE TRIGGER order_moves_marks AFTER INSERT ON orders_order
    FOR EACH ROW WHEN (NEW.checked_snapshot IS NULL AND NEW.source <> 'EXTERNAL')
    EXECUTE FUNCTION orders_order_moves_marks();

CREATE FUNCTION orders_request_moves_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_move_marks(o.account_id, o.client_id, o.strategy) FROM orders_order o WHERE o.id = NEW.order_id;
    RETURN NULL;
END $$;
CREATE TRIGGER request_moves_marks AFTER INSERT ON orders_orderrequest
    FOR EACH ROW WHEN (NEW.kind = 'REPLACE') EXECUTE FUNCTION orders_request_moves_marks();

CREATE FUNCTION orders_parent_moves_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_move_marks(NEW.account_id, NEW.client_id, COALESCE(NEW.ticket->>'strategy', ''));
    RETURN NULL;
END $$;
CREATE TRIGGER parent_moves_marks AFTER INSERT ON orders_slicedorder
    FOR EACH ROW EXECUTE FUNCTION orders_parent_moves_marks();
"""
NO_LONGER = """
DROP TRIGGER parent_moves_marks ON orders_slicedorder;
DROP TRIGGER request_moves_marks ON orders_orderrequest;
DROP TRIGGER order_moves_marks ON orders_order;
DROP FUNCTION orders_parent_moves_marks, orders_request_moves_marks, orders_order_moves_marks, orders_move_marks;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0039_break_causes")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="checked_snapshot",
            field=models.TextField(blank=True, default="", null=True),
        ),
        migrations.RunSQL(OF_OWNERS, NO_LONGER),
    ]
