"""FIX 4.4: what a counterparty says of orders, read from its tag=value messages into our words.

Comes in: Execution Report (8) and Order Cancel Reject (9). Goes out: the messages of `brokers.messages`.
It keeps no connection and sends nothing: there is no session yet that settings could name
(docs/decisions/0024).
"""
