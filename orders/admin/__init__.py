"""The desk's pages: Django's admin with the blotter, the ticket, orders, breaks, jobs, people.

Comes in: a person of the desk, by session cookie and second factor. Goes out: pages, and actions of
`orders.desk` that carry a key and a reason. Importing this registers them all.

Never: no row is edited by hand; state is shown as it is stored; no rule of trading is decided here.
"""

from orders.admin.accounts import account_page, broker_rows, limits, positions  # noqa: F401
from orders.admin.market import instrument_page  # noqa: F401
from orders.admin.operations import alerts, breaks, reconciliation, sessions  # noqa: F401
from orders.admin.orders import order_list  # noqa: F401
from orders.admin.orders.order import executions, outbox  # noqa: F401
from orders.admin.people import refused_logins, tokens, users, webhooks  # noqa: F401
