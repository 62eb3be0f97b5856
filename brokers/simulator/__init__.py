"""The simulated IB Gateway: an exchange, the TWS protocol in front of it, and a thin asyncio shell."""
