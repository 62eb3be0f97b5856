"""What happened, for people who were not there: executions, cost of trading, start and end of day, drop copy.

Comes in: what the rooms below have stored (orders, events, executions, positions, cash, breaks) and the
quotes that the broker worker kept while it stored prices. Goes out: rows of cost per order and per execution,
documents of a day, kept with their hash and signed off by a person, the files and messages made of them.

Never: nothing here is on the way of an order, and nothing decides about one. A figure that is not known is
null, never zero. What is shown, exported and answered by the API is one document, made once.
"""
