"""Instruments and live markets: one instrument's page, its quotes and order book, finding an instrument."""
