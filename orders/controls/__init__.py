"""What the desk may do, and how it is stopped: limits, their changes, states, kills, approvals, tokens.

Comes in: what a person decides, with a reason. Goes out: trading states, limits as they are from when on,
kills with what they did and proved, approvals that wait, tokens made, rotated, revoked; in `audit/` the
chain of all of it.

Its rooms, each on those after it: `gateways/`, `halts/`, `limits/` and `books/`, `persons/`, `audit/`.

Never: nothing here sends or cancels an order by a way of its own; what needs two persons is decided in
`persons/approvals.py` alone; the text of a token is kept nowhere.
"""
