"""Chaos: orders by REST while parts of the system die, freeze and lie; then both books are compared."""
