"""What operations watch: the dashboard, sessions, reconciliation runs, breaks, alerts."""
