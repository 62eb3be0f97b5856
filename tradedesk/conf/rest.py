"""Django REST framework, tokens (knox) and the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from brokers.fix import Side
from tradedesk import env

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["orders.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["orders.api.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["orders.api.throttle.TokenThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["orders.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "orders.api.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "URL_FORMAT_OVERRIDE": None,  # ?format= is an unknown parameter like any other
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
#: Requests per second that a token may make, unless it has a rate of its own.
API_RATE = env.integer("TRADEDESK_API_RATE", 1000, low=1, high=1_000_000)
#: Bad tokens per minute that an address may show before it is told to wait.
BAD_TOKEN_RATE = env.integer("TRADEDESK_BAD_TOKEN_RATE", 20, low=1, high=1_000_000)
#: Whether webhooks may go to private addresses and by plain http: for tests and closed networks.
WEBHOOK_PRIVATE = env.read(env.env.bool, "TRADEDESK_WEBHOOK_PRIVATE", False)
#: Ports that webhooks may go to: what else listens on a machine is not asked by our hand.
WEBHOOK_PORTS = env.ports("TRADEDESK_WEBHOOK_PORTS", [443, 8443])
#: Origins of the desk's own pages: they may read the stream with the desk's login.
WEB_ORIGINS = env.web_addresses("TRADEDESK_WEB_ORIGINS", ["http://127.0.0.1:8000", "http://localhost:8000"])
KNOX_TOKEN_MODEL = "orders.ApiToken"  # noqa: S105 - a model name
# Its own token table is not used; its migrations would make it all the same.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tradedesk",
    "DESCRIPTION": "Place and follow orders in the secondary market through Interactive Brokers.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "OrderState": "orders.models.State",
        "RequestState": "orders.models.RequestState",
        "SliceState": "orders.models.SliceState",
        "DeliveryState": "orders.models.DeliveryState",
        "EventKind": "orders.models.EventKind",
        "QueueOrReject": "orders.models.IfBrokerDown",  # if_broker_down and if_backlog
        "RequestKind": "orders.models.RequestKind",
        # Words without labels: as pairs, which is how shapes.choice() gives them.
        "Side": [(side.value, side.value) for side in Side],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orders.api.schema.examples.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
