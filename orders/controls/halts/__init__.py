"""How trading is stopped, of whom and how far, and how it starts again.

Comes in: a press of the kill switch, a trading state that a person or program sets, the day's loss, a token
that does not beat. Goes out: trading states of a scope, cancels and closing orders, and the proof by two
snapshots that nothing is left.

Never: nothing here sends or cancels by a way of its own, a kill takes the same way as every order; what
stops holds at once, what starts again waits where the firm wants two persons.
"""
