"""One act for many orders: cancel, replace or review, shown first, typed to confirm, then followed.

Comes in: the rows that a person has ticked. Goes out: old and new of each row, a job with its progress.

Never: what was not shown is not done; a large number is typed before it counts.
"""
