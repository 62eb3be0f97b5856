"""People and programs that may come in: users, login, tokens, webhooks."""
