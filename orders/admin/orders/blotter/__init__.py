"""The blotter: which orders a person sees, in which columns, groups and order, live and as files.

Comes in: a view, a filter, a sort, what a person has chosen. Goes out: rows with figures that the database
computes, their sums, the same rows again for the page's live questions, notices of what changed.

Never: what a page shows and what it sorts by are one expression; no page costs more than its own rows.
"""
