"""What the broker had otherwise than our books: runs that compare, orders of lost history, duplicates."""
