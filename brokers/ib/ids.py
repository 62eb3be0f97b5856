"""Where request ids begin."""

#: Far above any order id: an error's id then tells which of the two it names.
FIRST_REQUEST_ID = 1_000_000_000
