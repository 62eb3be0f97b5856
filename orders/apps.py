from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        """Let acts that need a second person be approved, and the database follow what is audited."""
        from orders.controls.books.breaks import BreakAct
        from orders.controls.books.splits import SplitAct
        from orders.controls.books.strategy_transfers import TransferAct
        from orders.controls.limits.large_orders import OrderAct
        from orders.controls.limits.limit_changes import LimitsAct
        from orders.controls.limits.restrictions import RestrictionAct
        from orders.controls.persons.approvals import register
        from orders.controls.persons.logins import LoginAct
        from orders.controls.persons.rights import RightsAct
        from orders.controls.persons.tokens import TokenAct
        from orders.desk.manual_executions import ExecutionAct

        register(LimitsAct())
        register(RestrictionAct())
        register(TokenAct())
        register(ExecutionAct())
        register(BreakAct())
        register(OrderAct())
        register(LoginAct())
        register(TransferAct())
        register(SplitAct())
        register(RightsAct())
        post_migrate.connect(_migrated, sender=self)


def _migrated(sender: AppConfig, using: str, **_: object) -> None:
    from orders.controls.audit.install import install  # only who migrates needs it

    install(using)
