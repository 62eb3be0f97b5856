"""Statements, breaks, what orders cost, and the reports of a day."""
