"""The long forms of tests that `make test` has in short: `make soak` runs them.

`make test` leaves this folder out: every rule is also tested there, on a sample.
"""
