"""Who of the desk's groups looks at breaks, and who decides about them."""

from django.db import migrations

LOOKS = ("viewer", "trader", "supervisor", "risk", "ops")
DECIDES = ("supervisor", "risk", "ops")


def give(apps, schema_editor):
    kinds = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    kind, _ = kinds.get_or_create(app_label="orders", model="break")
    for codename, name, groups in (
        ("view_break", "Can view break", LOOKS),
        ("resolve_break", "Can own, note and resolve breaks", DECIDES),
    ):
        right, _ = permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})
        for group in apps.get_model("auth", "Group").objects.filter(name__in=groups):
            group.permissions.add(right)


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_groups")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
