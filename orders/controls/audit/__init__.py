"""The audit chain: who did what, old and new, so that a changed byte is found years later.

Comes in: rows that are committed (order events, acts) and rows that changed in place (limits, tokens,
people), for which triggers write a record in the act's own transaction. Goes out: seals, each of which holds
the hash of every row that it covers and of the seal before it; the first broken record; the head, to be kept
elsewhere; old raw messages as files, read back and proven before their rows go.

Never: nothing here is locked or asked on the way of an order. Rows are sealed by a task some seconds after
their commit. What is younger than the last seal is protected by the database's roles alone, and whoever is
superuser of the database can rewrite the whole chain: only an anchor kept elsewhere shows that.
"""
