"""Interactive Brokers through ib_async: its client and decoder, our own reading of the raw callbacks."""
