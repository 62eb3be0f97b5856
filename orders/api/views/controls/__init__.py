"""What stops the desk and who may do what, over HTTP: states, kills, approvals, tokens, the audit.

Comes in: a request with its reason, by a token that has the scope for it. Goes out: states, kills, limit
changes, approvals and tokens as `orders.controls` has them, and pages of the audit chain.

Never: nothing is decided here, neither what is stopped nor who agrees; a token gives no more than it has
itself.
"""
