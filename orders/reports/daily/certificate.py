"""The certificate by which browsers and clients know us: how long it lasts still.

TLS ends at a proxy, so that nobody but a setting can say where the file is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

#: One that renews itself does so thirty days before its end: below this it has failed for a while.
REMIND_BEFORE = timedelta(days=21)
LARGEST = 1_000_000  # bytes: a chain has some thousand


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The whole chain of a file: it is worth as long as the part that ends first."""

    name: str
    begins: datetime
    ends: datetime

    def is_well(self, now: datetime) -> bool:
        """Whether it counts now and for long enough that nobody need look."""
        return self.begins <= now < self.ends - REMIND_BEFORE


def read(path: Path) -> Certificate:
    """From a PEM file. Raises ValueError with a reason for people."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise ValueError("is no certificate: too large")
    try:
        chain = x509.load_pem_x509_certificates(content)
    except ValueError:
        raise ValueError("holds no certificate in PEM") from None
    return Certificate(
        name=chain[0].subject.rfc4514_string(),
        begins=max(one.not_valid_before_utc for one in chain),
        ends=min(one.not_valid_after_utc for one in chain),
    )
