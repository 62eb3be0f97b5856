"""What can go wrong with the simulated gateway: one record, one place that decides."""
