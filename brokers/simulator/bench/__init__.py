"""How fast the simulated gateway is, and what an order costs it: `python -m brokers.simulator.bench`."""
