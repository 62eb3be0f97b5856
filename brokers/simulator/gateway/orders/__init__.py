"""Orders, from placeOrder to their end.

Comes in: requests to place, modify and cancel (`service.py`), what the market reports (`market_events.py`),
and time.
Goes out: orders for the exchange (`terms.py` says how the market works them), facts for the memory, and
openOrder, orderStatus, execDetails and errors to the owner and the master client (`publisher.py`,
`echo.py`).
Must never do: say a word about a change before it is in the memory; match orders (the exchange does); let
an order into its market that a check has refused or that still waits for its parent, its time or its
conditions.

The way of a new order: `intake.py` completes and checks it (`checks.py`, `term_checks.py`, `conditions.py`)
and makes its record; `attached.py` and `hedges.py` know its relatives; `waiting.py` keeps it back where it
must; `slicing.py`, `adjustable.py` and `pegging.py` say what of it the market sees.
"""
