import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.http import QueryDict

#: What a saved view sorted by, when a number named the column.
NUMBERED = {"1": "state", "2": "updated", "3": "side", "4": "account", "5": "order"}


def name_sorting(apps, schema_editor):
    for view in apps.get_model("orders", "SavedView").objects.filter(query__contains="o="):
        query = QueryDict(view.query, mutable=True)
        first = (query.pop("o", [""])[-1]).split(".")[0]
        if name := NUMBERED.get(first.removeprefix("-")):
            query["sort"] = f"-{name}" if first.startswith("-") else name
        view.query = query.urlencode()
        view.save(update_fields=["query"])


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("orders", "0042_workbench"),
    ]
    operations = [
        migrations.AlterField(
            model_name="deskjob",
            name="kind",
            field=models.CharField(
                choices=[("PLACE", "Basket"), ("CANCEL", "Bulk cancel"), ("REPLACE", "Bulk replace")],
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="DeskSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("columns", models.JSONField(blank=True, default=list)),
                ("notices", models.JSONField(blank=True, default=dict)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="desk_settings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunPython(name_sorting, migrations.RunPython.noop),
    ]
