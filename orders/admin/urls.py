"""Pages of the desk that are not lists of one model, below /admin/desk/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from orders.admin.accounts import limit_files, limit_pages, positions, restrictions, strategies
from orders.admin.market import live_market, quotes
from orders.admin.operations import (
    alerts,
    breaks,
    dashboard,
    gateways,
    sessions,
    splits,
    statements,
    states,
    workbench,
)
from orders.admin.orders.baskets import basket, basket_fixes
from orders.admin.orders.blotter import blotter, desk_settings, exports, notices, saved_views
from orders.admin.orders.bulk import bulk_cancel, bulk_replace, bulk_review, jobs
from orders.admin.orders.order import actions, executions, sliced
from orders.admin.orders.ticket import ticket
from orders.admin.people import approvals, audit, login, single_sign_on
from orders.admin.reports import alert_routes, costs, day_reports
from orders.admin.shared import base

app_name = "desk"

urlpatterns = [
    path("single-sign-on/", single_sign_on.Out.as_view(), name="single_sign_on"),
    path("single-sign-on/back/", single_sign_on.Back.as_view(), name="single_sign_on_back"),
    path("single-sign-on/code/", single_sign_on.code, name="single_sign_on_code"),
    path("attention/", base.attention_part, name="attention"),
    path("strip/", base.strip, name="strip"),
    path("dashboard/live/", dashboard.live, name="dashboard_live"),
    path("dashboard/charts.json", dashboard.charts, name="dashboard_charts"),
    path("orders/sums/", blotter.sums, name="sums"),
    path("orders/rows/", blotter.rows, name="rows"),
    path("orders/prices/", blotter.prices, name="prices"),
    path("notices/", notices.choose, name="notices"),
    path("notices/settings/", notices.settings, name="notice_settings"),
    path("notices/words/", notices.words, name="notice_words"),
    path("orders/columns/", desk_settings.choose_columns, name="columns"),
    path("orders/export/<str:kind>/", admin.site.admin_view(exports.export), name="export"),
    path("orders/cancel/", bulk_cancel.confirm, name="bulk_cancel"),
    path("orders/replace/", bulk_replace.confirm, name="bulk_replace"),
    path("orders/review/", bulk_review.confirm, name="bulk_review"),
    path("orders/slices/<uuid:parent_id>/<str:act_name>/", sliced.ask, name="sliced_ask"),
    path("orders/<uuid:order_id>/peek/", blotter.peek, name="peek"),
    path("orders/<uuid:order_id>/<str:name>/", actions.action_view, name="act"),
    path("sessions/<str:name>/<str:act_name>/", sessions.act, name="session_act"),
    path("gateways/<str:name>/", gateways.page, name="gateway"),
    path("kill/", states.kill, name="kill"),
    path("kill/<uuid:kill_id>/release/", states.release, name="kill_release"),
    path("positions/<str:account>/<int:con_id>/close/", positions.close, name="position_close"),
    path("positions/<str:account>/<int:con_id>/reverse/", positions.turn_over, name="position_reverse"),
    path("trading-states/", states.page, name="trading_states"),
    path("breaks/<int:break_id>/<str:act_name>/", breaks.act, name="break_act"),
    path("breaks/", workbench.page, name="workbench"),
    path("breaks.csv", workbench.file, name="breaks_file"),
    path("breaks/decide/", workbench.decide, name="breaks_decide"),
    path("breaks/<int:break_id>/files/add/", workbench.add_file, name="break_file_add"),
    path("breaks/<int:break_id>/files/<int:file_id>/", workbench.get_file, name="break_file"),
    path("statements/", statements.index, name="statements"),
    path("splits/", splits.page, name="splits"),
    path("statements/ask/", statements.ask, name="statement_ask"),
    path("alerts/<int:alert_id>/clear/", alerts.clear, name="alert_clear"),
    path("limits/", limit_pages.index, name="limits"),
    path("limits/scope/", limit_pages.scope, name="limits_scope"),
    path("limits/export/", limit_files.export, name="limits_export"),
    path("limits/import/", limit_files.upload, name="limits_import"),
    path("restrictions/", restrictions.index, name="restrictions"),
    path("restrictions/<int:row_id>/end/", restrictions.end, name="restriction_end"),
    path("strategies/", strategies.page, name="strategies"),
    path("approvals/", approvals.index, name="approvals"),
    path("approvals/<uuid:approval_id>/<str:how>/", approvals.decide, name="approval_decide"),
    path("audit/", audit.page, name="audit"),
    path("audit.<str:kind>", audit.export, name="audit_export"),
    path("costs/", costs.page, name="costs"),
    path("costs/csv/", costs.costs_file, name="costs_file"),
    path("fills/", costs.fills_page, name="fills"),
    path("fills/<str:kind>/", costs.fills_file, name="fills_file"),
    path("reports/", day_reports.page, name="day_report"),
    path("reports/keep/", day_reports.keep_report, name="day_report_keep"),
    path("reports/<int:report_id>/sign/", day_reports.sign_report, name="day_report_sign"),
    path("reports/file/<str:form>/", day_reports.file, name="day_report_file"),
    path("alert-routes/", alert_routes.page, name="alert_routes"),
    path("alert-routes/<str:what>/", alert_routes.change, name="alert_route_change"),
    path("second-factor/", login.second_factor, name="second_factor"),
    path("views/", saved_views.save, name="view_save"),
    path("views/<int:view_id>/delete/", saved_views.delete, name="view_delete"),
    path("ticket/", ticket.page, name="ticket"),
    path("ticket/check/", ticket.check, name="ticket_check"),
    path("ticket/what-if/", ticket.what_if, name="ticket_what_if"),
    path("ticket/send/", ticket.send, name="ticket_send"),
    path("instruments/", quotes.search, name="instruments"),
    path("instruments/quote/", quotes.quote, name="quote"),
    path("instruments/<int:instrument_id>/market/", live_market.live, name="market"),
    path("instruments/ask/", quotes.ask, name="instrument_ask"),
    path("slices/", sliced.index, name="sliced_list"),
    path("slices/<uuid:parent_id>/", sliced.page, name="sliced"),
    path("slices/<uuid:parent_id>/<str:act_name>/", sliced.act, name="sliced_act"),
    path("executions/sums/", executions.sums, name="executions_sums"),
    path("executions/file/<str:kind>/", executions.file, name="executions_file"),
    path("basket/", basket.upload, name="basket"),
    path("basket/template/", basket.template, name="basket_template"),
    path("basket/<uuid:job_id>/send/", basket.send, name="basket_send"),
    path("basket/<uuid:job_id>/<int:line>/", basket_fixes.fix, name="basket_fix"),
    path("jobs/", jobs.index, name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.page, name="job"),
    path("jobs/<uuid:job_id>/live/", jobs.live, name="job_live"),
    path("jobs/<uuid:job_id>/stop/", jobs.stop, name="job_stop"),
]
