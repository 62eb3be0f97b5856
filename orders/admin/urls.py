"""Pages of the desk that are not lists of one model, below /admin/desk/."""

from __future__ import annotations

from django.urls import path

from orders.admin import dashboard, frame

app_name = "desk"

urlpatterns = [
    path("attention/", frame.attention_part, name="attention"),
    path("dashboard/live/", dashboard.live, name="dashboard_live"),
    path("dashboard/charts.json", dashboard.charts, name="dashboard_charts"),
]
