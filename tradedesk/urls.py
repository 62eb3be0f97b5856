"""URLs of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("orders.api.urls")),
    path("", include("tradedesk.health_urls")),
]
