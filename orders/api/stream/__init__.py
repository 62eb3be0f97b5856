"""The stream of order events as server-sent events; its own ASGI process serves it (tradedesk.asgi)."""
