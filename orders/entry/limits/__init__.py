"""Limits where requests come in: the sets that bind a request, what their owners use already, the report.

The rules themselves are pure: `orders.risk`. Asked again before the wire by `orders.entry.recheck`.
"""
