"""Cost of trading: quotes at arrival and fill, costs of orders, their sums, why a price became what it is."""
