"""Market data as it happens: best prices, depth, single ticks and five-second bars.

Comes in: subscriptions and their ends, and, once per market step, the order to send what changed. Goes out:
the ticks, rows and bars that each subscriber does not have yet.
Must never do: work orders or move a market. It reads the order books and the tape.
"""
