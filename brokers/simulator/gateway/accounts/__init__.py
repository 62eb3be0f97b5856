"""Accounts: what they hold and are worth, what orders may still cost them, and how advisors share.

Comes in: requests for positions, values, summaries and P&L, the advisor's configuration, and every fact
(`exposure.py`). Goes out: the answers and their updates, the margin that an order needs, an order's
allocation.
Must never do: book anything. Cash and positions change with executions only, in `memory.state`; clients are
shown `reported_accounts`, which may lag behind.
"""
