"""Instruments: which one a client's contract means, and everything that is known about it.

Comes in: contracts as clients write them, requests for details, chains, rules, venues, model prices of
options.
Goes out: an `Instrument` of the universe or error 200, and the answers to those requests.
Must never do: change an order, a position or a market; the same request has the same answer at any time of
a day (option prices follow the market's).
"""
