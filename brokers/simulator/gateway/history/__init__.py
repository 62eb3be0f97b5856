"""The past of each instrument: a made-up one until the gateway started, a tape of trades and quotes since.

Comes in: what the markets traded and quoted (read once per market step), and requests for bars, ticks,
histograms, schedules. Goes out: bars of any size with the same answer for the same question, and the
updates of kept ones.
Must never do: move a market, or make two bar sizes disagree about the same time.
"""
