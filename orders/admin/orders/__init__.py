"""Orders: the blotter, one order's page with its actions, the ticket, baskets, jobs, executions, exports."""
