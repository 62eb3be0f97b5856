"""A whole Tradedesk of real processes for the scenario tests, each of which can be killed for real."""
