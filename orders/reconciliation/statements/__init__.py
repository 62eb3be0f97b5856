"""The broker's statements: files of its books, read whole or not at all, and compared with ours.

Comes in: files in the form of IB's Flex queries (activity, trade confirmation). Goes out: their rows as they
are (`Statement`, `StatementRow`) and breaks of kind STATEMENT where the two books differ or where a file says
what nobody has told us of.

Never: an execution, a position or cash is changed by a file; a missing section is read as "nothing there"; a
file that cannot be read to its end leaves a trace.
"""
