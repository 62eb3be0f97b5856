"""Broker to books: the one way in for everything that the broker says, snapshots included.

Comes in: inbox rows, in batches (callbacks as they arrive, a snapshot's rows, what a person enters from a
statement). Goes out: orders moved, executions booked, requests answered, in the transaction that keeps the
inbox rows. A row that cannot be applied is parked with an alert and tried again; its neighbours are applied.

Never: it asks the broker nothing, sends nothing, and invents no execution. What others placed is stored as
EXTERNAL and never touched. No older word leaves a terminal state.
"""
