"""Outbox to broker: claim what pacing lets out, commit, hand over, record what the port answered.

Comes in: commands of the outbox that wait for a session. Goes out: bytes at the port, orders SENT before
the first of them, and for every answer what it means: handed over, put back, refused, or unknown.

Never: no transaction is open while the port is called; a send whose outcome is unknown is never repeated
here (`unknown_outcome` says what two complete snapshots prove); nothing is claimed without the lease.
"""
