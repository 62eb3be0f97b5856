"""Tests of Tradedesk: unit (no I/O), integration (real servers), scenarios (real processes)."""
