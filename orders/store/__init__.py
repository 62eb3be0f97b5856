"""The statements that write orders: record new ones, store what changed on many.

Comes in: orders in memory with the events that the lifecycle noted on them. Goes out: rows of orders,
events and outbox commands, each batch in one statement, whole or not at all; alerts and log lines follow.

Never: it never sets a state (`models.lifecycle` does), decides nothing, and opens no transaction: the caller
holds the row locks. SQL by hand lives here, in `sending.waiting`, `sending.claim` and `booking.working_set`,
nowhere else (docs/decisions/0020).
"""
