"""URLs of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from tradedesk import health
from tradedesk.metrics import metrics

handler400 = "tradedesk.http.failures.bad_request"
handler403 = "tradedesk.http.failures.permission_denied"
handler404 = "tradedesk.http.failures.page_not_found"
handler500 = "tradedesk.http.failures.server_error"

admin.autodiscover()
urlpatterns = [
    path("admin/desk/", include("orders.admin.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("orders.api.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
