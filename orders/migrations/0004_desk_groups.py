"""The groups of the desk. Permissions are made here too: Django makes them only after all migrations."""

from django.db import migrations

LOOK = [
    *("orders.view_order", "orders.view_execution", "orders.view_reconciliationrun", "orders.view_savedview"),
    *("brokers.view_position", "brokers.view_accountvalue", "brokers.view_brokeraccount"),
    *("brokers.view_instrument", "brokers.view_gatewaysession", "orders.view_alert"),
    "orders.view_break",
]
TRADE = [
    *("orders.place_order", "orders.replace_order", "orders.cancel_order", "orders.review_order"),
    *("orders.place_basket", "orders.view_deskjob", "brokers.add_instrument"),
]
EVERYWHERE = ["orders.view_all_accounts", "orders.view_accountlimit", "orders.view_deskact"]
GROUPS = {
    "viewer": LOOK,
    "trader": [*LOOK, *TRADE],
    "supervisor": [
        *LOOK,
        *TRADE,
        *EVERYWHERE,
        *("orders.resolve_order", "orders.resolve_break", "orders.clear_alert", "brokers.operate_session"),
    ],
    "risk": [
        *LOOK,
        *EVERYWHERE,
        *("orders.cancel_order", "orders.review_order", "orders.change_accountlimit"),
        *("orders.add_accountlimit", "brokers.operate_session", "orders.clear_alert"),
        "orders.resolve_break",
    ],
    "ops": [
        *LOOK,
        *EVERYWHERE,
        *("brokers.operate_session", "brokers.view_inboxmessage", "orders.view_outboxcommand"),
        *("orders.clear_alert", "orders.resolve_break"),
        *("orders.view_apitoken", "orders.add_apitoken", "orders.delete_apitoken"),
    ],
}


def make_groups(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    for name, rights in GROUPS.items():
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.add(*(permission(apps, right) for right in rights))


def permission(apps, right):
    """The permission of this name; its model is the last word of a name like view_order, else by hand."""
    app, codename = right.split(".")
    own = {
        "place_basket": "deskjob",
        "operate_session": "gatewaysession",
        "view_all_accounts": "order",
    }
    model = own.get(codename) or codename.partition("_")[2]
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": codename.replace("_", " ").capitalize()}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_rulebook"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
