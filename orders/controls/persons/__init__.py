"""Who acts, what he may do, and what takes effect only when another person agrees.

Comes in: a login, a token or a person at the shell, and what they ask for. Goes out: the actor, with whose
hands he is in; approvals that wait, are decided or run out; tokens, logins and rights of groups as changed.

Never: what needs two persons is decided in `approvals.py` alone, and no maker approves what he made, under
whatever name; the text of a token is kept nowhere.
"""
