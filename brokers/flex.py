"""Which statements are fetched from IB's Flex web service, when and with what. Plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from brokers.gate.daily_time import DailyTime


@dataclass(frozen=True, kw_only=True)
class Flex:
    """Queries by our names for them; the token is a secret that nothing shows."""

    queries: Mapping[str, str]
    at: DailyTime
    url: str
    token: str = field(repr=False)
