"""Strategies inside an account: virtual positions and profits that add up to the broker's.

Comes in: executions of orders that name a strategy, transfers, and the broker's positions and profits. Goes
out: a row for each strategy and contract, and one for the rest that belongs to none (`rows`).

Never: a position or a profit is shared out by guess. What no strategy's order did is the rest, and is shown.
"""
