"""The desk's pages: Django's admin with the blotter, the ticket, orders, breaks, jobs, people.

Comes in: a person of the desk, by session cookie and second factor. Goes out: pages, and actions of
`orders.desk` that carry a key and a reason. Importing this registers them all.

Never: no row is edited by hand; state is shown as it is stored; no rule of trading is decided here.
"""

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
