"""URLs of the REST API; the stream is served by its own process (tradedesk.asgi)."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from orders.api.views import (
    bulk,
    close,
    exports,
    groups,
    instruments,
    orders,
    portfolio,
    requests,
    root,
    sliced,
    webhooks,
)
from orders.api.views.controls import approvals, audit, kill, states, tokens
from orders.api.views.middle_office import breaks, drop_copy, reports, strategies


class Docs(SpectacularSwaggerSplitView):
    """The page for people; OPTIONS would ask its template for what it does not have."""

    http_method_names = ["get", "head"]


urlpatterns = [
    path("", root.Root.as_view(), name="api-root"),
    path("orders", orders.OrderList.as_view(), name="api-orders"),
    path("orders.csv", exports.OrderExport.as_view(), name="api-orders-csv"),
    path("executions.csv", exports.ExecutionExport.as_view(), name="api-executions-csv"),
    path("executions.xlsx", exports.ExecutionBook.as_view(), name="api-executions-xlsx"),
    path("reports/start-of-day", reports.StartOfDay.as_view(), name="api-start-of-day"),
    path("reports/end-of-day", reports.EndOfDay.as_view(), name="api-end-of-day"),
    path("tca", reports.Costs.as_view(), name="api-tca"),
    path("tca.csv", reports.CostsFile.as_view(), name="api-tca-csv"),
    path("reasons", portfolio.Reasons.as_view(), name="api-reasons"),
    path("orders/bulk", bulk.OrderBulk.as_view(), name="api-orders-bulk"),
    path("orders/cancel-all", requests.OrdersCancel.as_view(), name="api-orders-cancel-all"),
    path("requests/<uuid:request_id>", requests.RequestDetail.as_view(), name="api-request"),
    path("orders/<uuid:order_id>/requests", requests.OrderRequests.as_view(), name="api-order-requests"),
    path("orders/<uuid:order_id>", orders.OrderDetail.as_view(), name="api-order"),
    path("orders/<uuid:order_id>/events", orders.OrderEvents.as_view(), name="api-order-events"),
    path("orders/<uuid:order_id>/cancel", requests.OrderCancel.as_view(), name="api-order-cancel"),
    path("orders/<uuid:order_id>/replace", requests.OrderReplace.as_view(), name="api-order-replace"),
    # A cl_ord_id may hold slashes.
    path("orders/by-cl-ord-id/<path:cl_ord_id>", orders.OrderByClOrdId.as_view(), name="api-order-by-id"),
    path("orders/preview", instruments.OrderPreview.as_view(), name="api-order-preview"),
    path("groups", groups.Groups.as_view(), name="api-groups"),
    path("groups/<uuid:group_id>", groups.GroupDetail.as_view(), name="api-group"),
    path("groups/<uuid:group_id>/cancel", groups.GroupCancel.as_view(), name="api-group-cancel"),
    path("slices", sliced.SlicedList.as_view(), name="api-slices"),
    path("slices/<uuid:parent_id>", sliced.SlicedDetail.as_view(), name="api-slice"),
    path("slices/<uuid:parent_id>/pause", sliced.SlicedPause.as_view(), name="api-slice-pause"),
    path("slices/<uuid:parent_id>/resume", sliced.SlicedResume.as_view(), name="api-slice-resume"),
    path("slices/<uuid:parent_id>/cancel", sliced.SlicedCancel.as_view(), name="api-slice-cancel"),
    path("instruments", instruments.Instruments.as_view(), name="api-instruments"),
    path("instruments/<int:instrument_id>", instruments.InstrumentDetail.as_view(), name="api-instrument"),
    path("executions", portfolio.Executions.as_view(), name="api-executions"),
    path("positions", portfolio.Positions.as_view(), name="api-positions"),
    path(
        "positions/<str:account>/<int:con_id>/close", close.PositionClose.as_view(), name="api-position-close"
    ),
    path(
        "positions/<str:account>/<int:con_id>/reverse",
        close.PositionReverse.as_view(),
        name="api-position-reverse",
    ),
    path("strategies", strategies.Strategies.as_view(), name="api-strategies"),
    path("strategies/transfers", strategies.StrategyTransfers.as_view(), name="api-strategy-transfers"),
    path("account-values", portfolio.AccountValues.as_view(), name="api-account-values"),
    path("limits", portfolio.Limits.as_view(), name="api-limits"),
    path("kill", kill.Kills.as_view(), name="api-kills"),
    path("kill/<uuid:kill_id>", kill.KillDetail.as_view(), name="api-kill"),
    path("kill/<uuid:kill_id>/release", kill.KillRelease.as_view(), name="api-kill-release"),
    path("trading-states", states.TradingStates.as_view(), name="api-trading-states"),
    path("limit-changes", approvals.LimitChanges.as_view(), name="api-limit-changes"),
    path("approvals", approvals.Approvals.as_view(), name="api-approvals"),
    path("approvals/<uuid:approval_id>/approve", approvals.Approve.as_view(), name="api-approve"),
    path("approvals/<uuid:approval_id>/reject", approvals.Reject.as_view(), name="api-reject"),
    path("audit", audit.Audit.as_view(), name="api-audit"),
    path("drop-copy", drop_copy.DropCopy.as_view(), name="api-drop-copy"),
    path("drop-copy.ndjson", drop_copy.DropCopyFile.as_view(), name="api-drop-copy-file"),
    path("breaks", breaks.Breaks.as_view(), name="api-breaks"),
    path("breaks.csv", breaks.BreaksFile.as_view(), name="api-breaks-csv"),
    path("breaks/resolve", breaks.BreaksResolve.as_view(), name="api-breaks-resolve"),
    path("breaks/<int:break_id>/take", breaks.BreakTake.as_view(), name="api-break-take"),
    path("breaks/<int:break_id>/note", breaks.BreakNoted.as_view(), name="api-break-note"),
    path("breaks/<int:break_id>/resolve", breaks.BreakResolve.as_view(), name="api-break-resolve"),
    path("sessions", portfolio.Sessions.as_view(), name="api-sessions"),
    path("heartbeat", tokens.Heartbeat.as_view(), name="api-heartbeat"),
    path("tokens", tokens.TokenList.as_view(), name="api-tokens"),
    path("tokens/<str:key>", tokens.TokenDetail.as_view(), name="api-token"),
    path("tokens/<str:key>/rotate", tokens.TokenRotate.as_view(), name="api-token-rotate"),
    path("tokens/<str:key>/revoke", tokens.TokenRevoke.as_view(), name="api-token-revoke"),
    path("webhooks", webhooks.WebhookList.as_view(), name="api-webhooks"),
    path("webhooks/<uuid:webhook_id>", webhooks.WebhookDetail.as_view(), name="api-webhook"),
    path("webhooks/<uuid:webhook_id>/end", webhooks.WebhookEnd.as_view(), name="api-webhook-end"),
    path("webhooks/<uuid:webhook_id>/ping", webhooks.WebhookPing.as_view(), name="api-webhook-ping"),
    path("webhooks/<uuid:webhook_id>/rotate", webhooks.WebhookRotate.as_view(), name="api-webhook-rotate"),
    path("webhooks/<uuid:webhook_id>/deliveries", webhooks.Deliveries.as_view(), name="api-deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/redeliver",
        webhooks.Redeliver.as_view(),
        name="api-redeliver",
    ),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", Docs.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"", root.Unknown.as_view()),
]
