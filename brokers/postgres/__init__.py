"""PostgreSQL as the hot path needs it: clock, prepared statements, meaning of errors, storable values."""
