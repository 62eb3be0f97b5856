"""The inbox: all that the broker says is stored, once, and applied in the transaction that stores it.

Comes in: messages of the adapter's loop (callbacks, hand-overs, link changes) by `writer.InboxWriter`, which
only appends to a `queue.InboxQueue`; rows of snapshots by `parking.apply_in_batches`, on the same thread.
Goes out: batches to an `applier.Applier`, which the rooms of `orders` keep; rows of the table (`rows`),
inserted or ignored by their key in the applier's own transaction.

What cannot be applied is bisected out and parked with its error and an alert; its neighbours are applied.
While the database is away the batch waits and nothing is dropped; what is above the queue's bound is dropped
with an alert and asked for again on a new connection.

Never: it knows nothing of orders, asks the broker nothing, loses nothing that it took before it is stored,
and lets no message stop its neighbours, the sweep or the trading gate.
"""
