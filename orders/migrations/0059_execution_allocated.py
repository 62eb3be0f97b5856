"""Executions of group orders are told apart: the whole of the order, and the shares of an advisor's accounts.

A share adds to what its account holds though no order of that account worked it: its marks move.
"""

from django.db import migrations, models

TRIGGER = """
CREATE FUNCTION orders_share_moves_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_move_marks(NEW.account_id, NULL, '');
    RETURN NULL;
END $$;
CREATE TRIGGER share_moves_marks AFTER INSERT ON orders_execution
    FOR EACH ROW WHEN (NEW.allocated = 'SHARE') EXECUTE FUNCTION orders_share_moves_marks();
"""
NO_LONGER = """
DROP TRIGGER share_moves_marks ON orders_execution;
DROP FUNCTION orders_share_moves_marks;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0058_lost_history_breaks")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="allocated",
            field=models.CharField(
                blank=True,
                choices=[("WHOLE", "Whole"), ("SHARE", "Share")],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.RunSQL(TRIGGER, NO_LONGER),
    ]
