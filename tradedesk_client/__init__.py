"""A client of Tradedesk's REST API, safe to retry by default. It needs httpx and nothing of the server."""

from tradedesk_client.client import Placed, Tradedesk
from tradedesk_client.errors import ApiError, NoAnswer, OrderRefused
from tradedesk_client.stream import Event

__all__ = ["ApiError", "Event", "NoAnswer", "OrderRefused", "Placed", "Tradedesk"]
