"""What is traded: contracts with their rules, last prices, live markets, trading days.

Comes in: descriptions of instruments, contract details and prices as the broker reports them, what people
look at. Goes out: rows of `Instrument` resolved through the broker, the list of what has a live quote,
last prices for valuing orders, the trading day of a moment.

Never: it takes no order and knows none; a price without a source is not invented; what cannot be resolved
stays unresolved and says why.
"""
