"""Requests in: place, cancel, replace, groups, slices, bulks, preview, baskets.

Comes in: tickets and changes, read by an interface and allowed for its accounts. Goes out: recorded orders
and requests, each with its check report and the wake-up of the session's worker; or one of `orders.errors`,
with nothing stored. What waits is checked once more before the claim (`recheck.py`).

Never: it never speaks to the broker in a transaction (an unknown instrument is asked for between two tries),
never waits for an order to be sent, and records nothing that was checked by rules which are not in force any
more.
"""
