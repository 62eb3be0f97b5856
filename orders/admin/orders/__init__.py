"""Orders: the blotter, one order's page with its actions, the ticket, baskets, jobs, executions, exports.

Comes in: what a person asks of orders. Goes out: pages, and acts of `orders.desk` and `orders.entry` that
carry a key. Its rooms, each on those after it: `order_list.py` (the blotter as Django's admin lists it),
`baskets/`, `bulk/` and `ticket/`, `blotter/`, `order/`.

Never: a page decides nothing about trading; of a person's orders only those of his accounts are shown.
"""
