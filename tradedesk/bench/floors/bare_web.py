"""The least that a POST can cost with the same libraries: DRF, one serializer, one ORM insert, no checks."""

from __future__ import annotations

import os
from typing import Any

import dj_database_url
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {**dj_database_url.parse(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": 60}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class BareOrder(models.Model):
    """One row for each POST."""

    cl_ord_id = models.CharField(max_length=64)
    order_qty = models.DecimalField(max_digits=28, decimal_places=10)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bench"
        db_table = "bench_bareorder"

    def __str__(self) -> str:
        return self.cl_ord_id


class BareSerializer(serializers.Serializer[Any]):
    """Two fields are enough."""

    cl_ord_id = serializers.CharField(max_length=64)
    order_qty = serializers.DecimalField(max_digits=28, decimal_places=10)


class Orders(APIView):
    """POST: validate, insert, answer."""

    def post(self, request: Request) -> Response:
        """One order."""
        body = BareSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = BareOrder._default_manager.create(**body.validated_data)
        return Response({"id": row.pk, **body.data}, status=201)

    def get(self, request: Request) -> Response:
        """Whether the server serves."""
        return Response({})


urlpatterns = [path("api/v1/orders", Orders.as_view())]
application = get_wsgi_application()
