"""What a port may raise. The classes answer one question: may the order be at the broker?"""

from __future__ import annotations


class BrokerError(Exception):
    """Base of the three answers; the message defaults to the class's first line."""

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").splitlines()[0])
        self.code = code


class BrokerUnavailable(BrokerError):
    """Nothing left this process: no live connection to the broker."""


class BrokerRefused(BrokerError):
    """A definite no: this instruction cannot be carried by this broker."""


class OutcomeUnknown(BrokerError):
    """The instruction may be at the broker; only the broker can tell."""
