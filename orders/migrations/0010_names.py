"""New names for two models; the tables and their rows stay as they are."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


def rename_permissions(apps, schema_editor):
    """Content type and permissions follow their model, so that desk groups keep what they may see."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    for old, new in (("deskact", "actionrecord"), ("rulebook", "ruleset")):
        ContentType.objects.filter(app_label="orders", model=old).update(model=new)
        for permission in Permission.objects.filter(content_type__app_label="orders", codename__endswith=f"_{old}"):
            permission.codename = permission.codename.removesuffix(old) + new
            permission.save(update_fields=["codename"])


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0009_standing_index"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelTable("deskact", "orders_deskact"),
                migrations.RenameModel("DeskAct", "ActionRecord"),
                migrations.AlterField(
                    "actionrecord",
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="actions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    "actionrecord",
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="actions",
                        to="orders.order",
                    ),
                ),
                migrations.AlterField(
                    "actionrecord",
                    "session",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="actions",
                        to="brokers.gatewaysession",
                    ),
                ),
                migrations.AlterModelTable("rulebook", "orders_rulebook"),
                migrations.RenameModel("Rulebook", "Ruleset"),
                migrations.RenameField("ruleset", "edition", "version"),
                migrations.AlterField(
                    "ruleset", "version", models.UUIDField(db_column="edition", default=uuid.uuid4)
                ),
            ],
        ),
        migrations.RunPython(rename_permissions, migrations.RunPython.noop),
    ]
