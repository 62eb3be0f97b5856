"""Who presses the kill switch, overrides soft limits, reads the audit; the auditor sees what came later."""

from importlib import import_module

from django.db import migrations

RIGHTS = (
    (("supervisor", "risk", "ops"), "press_kill", "killswitch"),
    (("supervisor",), "override_limit", "order"),
    (("risk", "auditor"), "view_audit", "auditrecord"),
)


def permit(apps, schema_editor):
    import_module("orders.migrations.0024_approvals").add_rights(apps, schema_editor)
    groups = {group.name: group for group in apps.get_model("auth", "Group").objects.all()}
    for names, codename, model in RIGHTS:
        right = permission(apps, codename, model)
        for name in names:
            if name in groups:
                groups[name].permissions.add(right)


def permission(apps, codename, model):
    """Django makes permissions only after all migrations."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="orders", model=model
    )
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": codename.replace("_", " ").capitalize()}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [("orders", "0028_restriction_approvals")]
    operations = [migrations.RunPython(permit, migrations.RunPython.noop)]
