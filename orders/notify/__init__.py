"""Telling others: workers that there is work, readers that there is news, people that something is wrong.

Comes in: "session S has work", "there are new events", an alert, a question for the broker, an event for
the order log. Goes out: published messages and tasks, alert rows, log lines and spans, question rows.

Never: nothing here is the record. Redis may lose or repeat all of it, and a wake-up that fails costs a
request milliseconds, never an order: the sweep of the broker worker finds what nobody was told of.
"""
