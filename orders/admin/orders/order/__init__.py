"""One order: its page, what can be done to it, its slices, executions and commands to the broker.

Comes in: an order's id, or an act with its key and reason. Goes out: what happened in one sentence and in
full, where the time went, and the act's answer.

Never: which acts are possible is asked of `orders.desk.actions`, not decided here; no act is done twice for
one key.
"""
