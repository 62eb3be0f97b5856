"""PostgreSQL and Redis of a stack: embedded ones from wheels, unless the environment names others."""
