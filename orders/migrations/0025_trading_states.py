"""Trading states: a new ruleset version with each change; a session's pause and HALTED become one of them."""

from django.db import migrations, models
from django.db.models.functions import Now

STATES = [
    ("ACTIVE", "Active"),
    ("REDUCING", "Reducing: only what shrinks a position"),
    ("HALTED", "Halted"),
]
TRIGGER = """
CREATE TRIGGER rulebook_states AFTER INSERT OR UPDATE OR DELETE ON orders_scopestate
    FOR EACH STATEMENT EXECUTE FUNCTION orders_new_edition();
"""
NO_TRIGGER = "DROP TRIGGER rulebook_states ON orders_scopestate;"
FROM_SESSIONS = """
INSERT INTO orders_scopestate (scope, state, reason, set_by, set_at)
SELECT 'session:' || name, 'HALTED', left(COALESCE(NULLIF(halt_reason, ''), NULLIF(pause_reason, ''), 'paused'), 500),
    COALESCE(NULLIF(paused_by, ''), 'system'), COALESCE(halted_at, paused_at)
FROM brokers_gatewaysession WHERE halted_at IS NOT NULL OR paused_at IS NOT NULL;
"""
TO_SESSIONS = """
UPDATE brokers_gatewaysession s SET paused_at = t.set_at, paused_by = t.set_by, pause_reason = t.reason
FROM orders_scopestate t WHERE t.scope = 'session:' || s.name AND t.state = 'HALTED';
"""
GROUPS = ("supervisor", "risk")


def permit(apps, schema_editor):
    """Who pauses sessions may set states; Django makes permissions only after all migrations."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="orders", model="scopestate"
    )
    right, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind,
        codename="set_trading_state",
        defaults={"name": "Can halt, reduce and reactivate trading"},
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [("orders", "0024_approvals"), ("brokers", "0009_market_figures")]
    operations = [
        migrations.CreateModel(
            name="ScopeState",
            fields=[
                ("scope", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("state", models.CharField(choices=STATES, max_length=8)),
                ("reason", models.CharField(max_length=500)),
                ("set_by", models.CharField(max_length=150)),
                ("set_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "ordering": ["scope"],
                "permissions": [("set_trading_state", "Can halt, reduce and reactivate trading")],
            },
        ),
        migrations.CreateModel(
            name="ScopeStateChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("scope", models.CharField(db_index=True, max_length=80)),
                ("from_state", models.CharField(choices=STATES, max_length=8)),
                ("to_state", models.CharField(choices=STATES, max_length=8)),
                ("reason", models.CharField(max_length=500)),
                ("by", models.CharField(max_length=150)),
                ("at", models.DateTimeField(db_default=Now())),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
        migrations.RunSQL(FROM_SESSIONS, TO_SESSIONS),
        migrations.RunPython(permit, migrations.RunPython.noop),
    ]
