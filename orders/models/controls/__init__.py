"""Limits, states, stops, approvals, tokens, and the audit chain that proves who changed them."""
