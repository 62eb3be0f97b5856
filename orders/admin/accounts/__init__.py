"""Accounts: balances, positions, profits, limits."""
