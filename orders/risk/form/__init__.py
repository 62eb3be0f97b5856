"""Rules of form: whether this is an order that could be placed at all, whoever places it.

Comes in: the terms of an order and the rules of its contract. Goes out: errors by field, in the words that
the client reads. What a limit allows is no question of form.
"""
