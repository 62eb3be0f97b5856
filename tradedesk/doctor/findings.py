"""What the doctor finds: one line for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, and what to do when that is not well."""

    name: str
    level: Level
    text: str
    do: str = ""


def ok(name: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(name=name, level=Level.OK, text=text)


def warn(name: str, text: str, do: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(name=name, level=Level.WARN, text=text, do=do)


def fail(name: str, text: str, do: str) -> Finding:
    """Nobody should trade on this."""
    return Finding(name=name, level=Level.FAIL, text=text, do=do)


def unless_paper(name: str, text: str, do: str) -> Finding:
    """What a paper desk may put up with, and one with money may not."""
    return fail(name, text, do) if settings.TRADING_MODE == "live" else warn(name, text, do)
