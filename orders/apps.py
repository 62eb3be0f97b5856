from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        """Let the database follow what is audited after each migration."""
        post_migrate.connect(_migrated, sender=self)


def _migrated(sender: AppConfig, using: str, **_: object) -> None:
    from orders.controls.audit.install import install  # only who migrates needs it

    install(using)
