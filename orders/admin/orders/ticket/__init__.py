"""The ticket: one order entered by a person, checked while it is typed, confirmed, sent once.

Comes in: the form's fields, and how the order is worked (alone, with exits, beside another, in slices).
Goes out: the checks' report while it is typed, and a request of `orders.entry` with the ticket's key.

Never: what is sent is what was confirmed; the form's rules are those of the one schema of an order.
"""
