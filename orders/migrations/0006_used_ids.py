"""One ClOrdID names one thing of a client: an order, a sliced order, a cancel or a replace.

Each kind has its own unique constraint; this register holds among them, also between transactions that
cannot see each other: the second to take an id waits for the first. An order whose id is a request's is
left out of its INSERT, like one whose id is an order's; the others raise a unique violation.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORWARD = """
INSERT INTO orders_usedid (client_id, cl_ord_id)
    SELECT client_id, cl_ord_id FROM orders_order WHERE client_id IS NOT NULL
    UNION SELECT client_id, cl_ord_id FROM orders_orderrequest WHERE client_id IS NOT NULL
    UNION SELECT client_id, cl_ord_id FROM orders_slicedorder WHERE client_id IS NOT NULL;

CREATE FUNCTION orders_use_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orders_usedid (client_id, cl_ord_id) VALUES (NEW.client_id, NEW.cl_ord_id)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'orders_order' THEN
        PERFORM FROM orders_order WHERE client_id = NEW.client_id AND cl_ord_id = NEW.cl_ord_id;
        IF FOUND THEN
            RETURN NEW;  -- its own constraint tells
        END IF;
        RETURN NULL;
    END IF;
    RAISE unique_violation USING MESSAGE = 'cl_ord_id ' || NEW.cl_ord_id || ' is in use';
END $$;

CREATE TRIGGER order_use_id BEFORE INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.client_id IS NOT NULL) EXECUTE FUNCTION orders_use_id();
CREATE TRIGGER order_request_use_id BEFORE INSERT ON orders_orderrequest FOR EACH ROW
    WHEN (NEW.client_id IS NOT NULL) EXECUTE FUNCTION orders_use_id();
CREATE TRIGGER sliced_order_use_id BEFORE INSERT ON orders_slicedorder FOR EACH ROW
    WHEN (NEW.client_id IS NOT NULL) EXECUTE FUNCTION orders_use_id();
"""

BACKWARD = """
DROP TRIGGER sliced_order_use_id ON orders_slicedorder;
DROP TRIGGER order_request_use_id ON orders_orderrequest;
DROP TRIGGER order_use_id ON orders_order;
DROP FUNCTION orders_use_id();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_day_quantities"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="UsedId",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "client",
                        "cl_ord_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("cl_ord_id", models.CharField(max_length=64)),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
