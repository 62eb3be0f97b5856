"""Limits as people read and change them, and what they would refuse or have let wait.

Comes in: a wanted limit or restriction with its reason, a decision about a large order, figures to try.
Goes out: limits in force with what accounts use of them, changes that wait or hold from when on, orders let
go or failed, and what a proposed limit would have refused of what was recorded.

Never: no order is checked here (`orders.entry.limits.checks` does that), what tightens waits for nobody, and
what is read for people is promised to nobody.
"""
