"""The broker worker's runtime: one gateway session at work in one process.

Comes in: the lease, the adapter's callbacks, wake-ups, the tick of the sweep. Goes out: commands drained,
callbacks stored and applied, snapshots taken where they are needed, prices and markets kept.

Never: nothing is sent without the lease; no ORM work on the broker's event loop; a thread that fails is
named and started again, or the process ends so that a standby takes over.
"""
