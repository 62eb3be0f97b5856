from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        """Let each kind of act that may need a second person be approved."""
        from orders.controls.approvals import register
        from orders.controls.limit_changes import LimitsAct
        from orders.controls.tokens import TokenAct

        register(LimitsAct())
        register(TokenAct())
