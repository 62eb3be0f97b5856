"""What the gateway remembers, and how long.

Comes in: facts (`facts.py`), from work at hand or from the journal of an earlier process. Goes out: the
orders, executions, accounts and sequences of ids that `state.py` makes of them; both ways give the same
memory.
Must never do: change other than by `State.apply`, so that a restart loses nothing; send a message; look at
the market. The class names of facts are the tags of the journal: they stay, so that older journals can be
read.
"""
