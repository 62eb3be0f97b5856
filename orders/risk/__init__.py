"""Pre-trade checks on an intention: rules of form and order kinds (`form/`), limits, slicing schedules.

Comes in: an intention as plain values (terms, instrument rules, limits, prices with their source).
Goes out: for each check its code, value, limit and whether it passed; errors of form by field.

Never: no I/O, no database, no clock of its own, no settings. What a check must know is handed to it, so that
the same check gives the same answer at every entrance and again when the order is claimed.
"""
