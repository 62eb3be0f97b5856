"""Who and what may trade: tokens, trading states, the pause of a session.

Comes in: what a person decides, with a reason. Goes out: tokens made, rotated, revoked; trading states set,
those of sessions among them; a comparison asked for.

Never: nothing here sends or cancels an order by a way of its own; the text of a token is kept nowhere.
"""
