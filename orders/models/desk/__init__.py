"""What the desk keeps and is told: acts, jobs, profiles, views; alerts, their routes, webhooks."""
