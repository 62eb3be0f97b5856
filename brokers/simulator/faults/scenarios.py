"""Scenario files: a sentence, a seed and a list of faults, in TOML (or JSON)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from brokers.simulator.faults.fault import Fault

BUILT_IN = Path(__file__).parents[1] / "data" / "scenarios"


class ScenarioError(Exception):
    """There is no such scenario, or it makes no sense; the text is one sentence for the user."""


class Scenario(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong in one run. Faults without a seed of their own draw from the scenario's."""

    description: str
    fault: list[Fault]
    seed: int | None = None


def load(name: str) -> Scenario:
    """Return a built-in scenario or that of a file; raises ScenarioError."""
    path = BUILT_IN / f"{name}.toml"
    if not path.is_file() or "/" in name:
        path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return msgspec.convert(data, Scenario)
    except (FileNotFoundError, IsADirectoryError):
        raise ScenarioError(f"there is no scenario {name!r}; built in are: {'; '.join(_known())}") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"scenario {path} cannot be used: {error}") from error


def _known() -> Iterator[str]:
    for path in sorted(BUILT_IN.glob("*.toml")):
        yield f"{path.stem} ({load(path.stem).description})"
