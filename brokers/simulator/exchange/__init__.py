"""The simulated market: instruments, order books, market makers, commissions, accounts. Plain Python."""
