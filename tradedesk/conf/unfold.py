"""The admin's look (django-unfold): name, colours, sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from tradedesk import env

FLOWER_URL = env.web_address("TRADEDESK_FLOWER_URL", "http://127.0.0.1:5555")


def may(permission: str) -> Callable[[HttpRequest], bool]:
    """Whether the person has this right; what one may not see is not in the sidebar."""
    return lambda request: bool(request.user.has_perm(permission))


def page(title: str, icon: str, model: str) -> dict[str, Any]:
    """A sidebar entry for the list of a model ("app.model")."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": may(f"{app}.view_{name}"),
    }


NAVIGATION = [
    {
        "items": [
            {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
            page("Orders", "receipt_long", "orders.order"),
            {
                "title": "Baskets",
                "icon": "shopping_basket",
                "link": reverse_lazy("desk:jobs"),
                "permission": may("orders.view_order"),
            },
            {
                "title": "Sliced orders",
                "icon": "timelapse",
                "link": reverse_lazy("desk:sliced_list"),
                "permission": may("orders.view_order"),
            },
            {
                "title": "Audit",
                "icon": "policy",
                "link": reverse_lazy("desk:audit"),
                "permission": may("orders.view_audit"),
            },
            page("Executions", "done_all", "orders.execution"),
            {
                "title": "Cost of trading",
                "icon": "query_stats",
                "link": reverse_lazy("desk:costs"),
                "permission": may("orders.view_execution"),
            },
            {
                "title": "Reports of the day",
                "icon": "summarize",
                "link": reverse_lazy("desk:day_report"),
                "permission": may("orders.view_dayreport"),
            },
            page("Positions", "balance", "brokers.position"),
            {
                "title": "Strategies",
                "icon": "account_tree",
                "link": reverse_lazy("desk:strategies"),
                "permission": may("brokers.view_position"),
            },
            page("Account values", "account_balance", "brokers.accountvalue"),
        ]
    },
    {
        "title": "Broker",
        "separator": True,
        "items": [
            page("Alerts", "notifications", "orders.alert"),
            page("Breaks", "difference", "orders.break"),
            {
                "title": "Breaks at work",
                "icon": "rule",
                "link": reverse_lazy("desk:workbench"),
                "permission": may("orders.view_break"),
            },
            {
                "title": "Statements",
                "icon": "upload_file",
                "link": reverse_lazy("desk:statements"),
                "permission": may("orders.view_statement"),
            },
            {
                "title": "Splits",
                "icon": "call_split",
                "link": reverse_lazy("desk:splits"),
                "permission": may("brokers.view_position"),
            },
            page("Sessions", "cable", "brokers.gatewaysession"),
            page("Reconciliation", "compare_arrows", "orders.reconciliationrun"),
            page("Inbox", "inbox", "brokers.inboxmessage"),
            page("Outbox", "outbox", "orders.outboxcommand"),
            page("Instruments", "label", "brokers.instrument"),
        ],
    },
    {
        "title": "Rules and access",
        "separator": True,
        "items": [
            page("Limits", "speed", "orders.accountlimit"),
            {
                "title": "Trading states",
                "icon": "front_hand",
                "link": reverse_lazy("desk:trading_states"),
                "permission": may("orders.view_order"),
            },
            {
                "title": "Approvals",
                "icon": "approval",
                "link": reverse_lazy("desk:approvals"),
                "permission": may("orders.view_approval"),
            },
            page("Accounts", "badge", "brokers.brokeraccount"),
            page("API tokens", "key", "orders.apitoken"),
            {
                "title": "Alert routes",
                "icon": "notification_settings",
                "link": reverse_lazy("desk:alert_routes"),
                "permission": may("orders.view_alertroute"),
            },
            page("Webhooks", "webhook", "orders.webhook"),
            {"title": "My second factor", "icon": "lock", "link": reverse_lazy("desk:second_factor")},
            page("People", "person", "auth.user"),
            page("Groups", "group", "auth.group"),
            page("Refused logins", "no_accounts", "axes.accessattempt"),
        ],
    },
    {
        "title": "Machine room",
        "separator": True,
        "items": [
            {"title": "Workers (Flower)", "icon": "manufacturing", "link": FLOWER_URL},
            {"title": "API", "icon": "api", "link": reverse_lazy("api-docs")},
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Tradedesk",
    "SITE_HEADER": "Tradedesk",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("desk/favicon.svg")}
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "orders.admin.shared.base.environment",
    "ENVIRONMENT_TITLE_PREFIX": "orders.admin.shared.base.title_prefix",
    "DASHBOARD_CALLBACK": "orders.admin.operations.dashboard.dashboard",
    "STYLES": [lambda request: static("desk/desk.css")],
    "SCRIPTS": [
        lambda request: static("desk/desk.js"),
        lambda request: static("desk/draft.js"),
        lambda request: static("desk/notices.js"),
        lambda request: static("desk/live.js"),
    ],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
    # Measured for contrast on light and dark pages; 600 is also the colour of what is alive (desk.css).
    "COLORS": {
        "primary": {
            "50": "#eef4fe",
            "100": "#dbe7fd",
            "200": "#bcd3fb",
            "300": "#8ab4f8",
            "400": "#6fa1f2",
            "500": "#5b93ec",
            "600": "#0b57d0",
            "700": "#0a4ab1",
            "800": "#093d91",
            "900": "#082f70",
            "950": "#061f4a",
        }
    },
}
