"""The views of the API, one class per resource: parse, authorise, call a service or a selector.

Here are orders, and what surrounds one; `controls/` is what stops and permits, `middle_office/` what comes
after a trade.
"""
