"""The desk's pages. Importing this registers them all."""

from orders.admin import (  # noqa: F401
    account_page,
    alerts,
    breaks,
    broker_rows,
    executions,
    instrument_page,
    limits,
    orders,
    people,
    positions,
    queues,
    reconciliation,
    sessions,
    tokens,
    webhooks,
)
