"""`manage.py bench`: measure a whole system of its own; times at the wire are taken by the gateway."""
