"""Whether bytes may go to a gateway now: lease and fence, breaker, pacing, order ids, restarts.

In: clocks, the session's row, failures in a row. Out: yes, not yet, never. Never: what is sent.
"""
