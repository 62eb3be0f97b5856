"""How Django itself writes dates and times, where it does: ISO, as `brokers.display` does."""
