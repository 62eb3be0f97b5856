"""The middle office over HTTP: breaks, strategies, drop copy, cost of trading, reports of a day.

Comes in: a query, or what a person decides about a break or a position, with a reason. Goes out: documents
and files of `orders.reports` and `orders.reconciliation`, and approvals that wait in `orders.controls`.

Never: no figure is reckoned and no break settled here; nothing is on the way of an order.
"""
