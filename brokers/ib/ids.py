"""Where request ids begin."""

from brokers.gate.order_ids import LAST_ORDER_ID

#: Above every order id: an error's id then tells which of the two it names.
FIRST_REQUEST_ID = LAST_ORDER_ID + 1
