"""The states of an order and of a request, and which groups of them mean what."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Lifecycle of an order (design section 3)."""

    CREATED = "CREATED", "Created"
    SENT = "SENT", "Sent"
    UNCONFIRMED = "UNCONFIRMED", "Unconfirmed"
    ACCEPTED = "ACCEPTED", "Accepted"
    PENDING = "PENDING", "Working"
    PARTIALLY_FILLED = "PARTIALLY_FILLED", "Part filled"
    FILLED = "FILLED", "Filled"
    COMPLETED = "COMPLETED", "Completed"
    CANCELED = "CANCELED", "Canceled"
    EXPIRED = "EXPIRED", "Expired"
    REJECTED = "REJECTED", "Rejected"
    FAILED = "FAILED", "Failed"


class RequestState(models.TextChoices):
    """Lifecycle of a cancel or replace request."""

    REQUESTED = "REQUESTED", "Requested"
    SENT = "SENT", "Sent"
    UNCONFIRMED = "UNCONFIRMED", "Unconfirmed"
    ACCEPTED = "ACCEPTED", "Accepted"
    REFUSED = "REFUSED", "Refused"


#: The broker has, or may have, the order, and more may happen to it.
AT_BROKER = (State.SENT, State.UNCONFIRMED, State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED)
#: All executed. FIX has one status for both; COMPLETED waits for nothing more.
EXECUTED = (State.FILLED, State.COMPLETED)
#: May still execute.
ALIVE = (State.CREATED, *AT_BROKER)
#: Nothing more is expected (a late fill or a bust is booked all the same).
DEAD = (State.CANCELED, State.EXPIRED, State.REJECTED, State.FAILED)
OPEN_REQUESTS = (RequestState.REQUESTED, RequestState.SENT, RequestState.UNCONFIRMED)
