"""Our books against the broker's: snapshots, comparisons, breaks, positions, cash, profits.

Comes in: complete snapshots of the broker (`brokers.messages.Snapshot`: complete, or there is none) and what
people decide about breaks. Goes out: inbox messages for what the snapshot says and our books do not, runs
with their counts, breaks with both sides' evidence.

Never: a position is compared, never used to invent an execution; an incomplete answer is a failed run, never
read as "nothing there"; a break is closed by two rounds that agree or by a person, not by being looked at.
"""
