"""Field layouts: a message described as a table, turned into a plan per server version.

`Layout.at(version)` drops what that version does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from brokers.simulator.wire.items import LATEST, Const, Field, Item, Repeat, When
from brokers.simulator.wire.plan import Made, Plan
from brokers.simulator.wire.values import NUMBER, WHOLE, ValueCodec

__all__ = ["LATEST", "Const", "Field", "Item", "Layout", "Repeat", "When", "fields", "plain", "size"]

#: Sizes may have decimals from this server version on; clients of older ones read integers.
FRACTIONAL_SIZES = 163


class Layout:
    """The fields of one message, for all server versions; `tail` and `least` are those of `Made`."""

    def __init__(
        self,
        struct: type[Any],
        *items: Item,
        nested: Mapping[str, type[Any]] | None = None,
        tail: Sequence[str] = (),
        least: int = 1,
    ) -> None:
        self.struct = struct
        self.items = items
        self.nested = nested or {}
        self._made = Made(struct, self.nested, tail, least)
        self.at = lru_cache(maxsize=None)(self._at)

    @property
    def message_id(self) -> int:
        """The number in the first field."""
        first = self.items[0]
        assert isinstance(first, Const)  # noqa: S101 - a layout without an id is a programming error
        return int(first.text)

    @property
    def id_position(self) -> int | None:
        """Where the id of the request or order stands, if the message has one."""
        for position, item in enumerate(self.items):
            if isinstance(item, Field):
                return position if item.path in ("req_id", "order_id") else None
        return None

    def _at(self, version: int) -> Plan:
        return Plan(self.items, version, self._made)


def plain(
    struct: type[Any], message_id: int, version: int | None, *items: Item, **nested: type[Any]
) -> Layout:
    """Describe a message of its id, its message version unless None, and `items`."""
    head = [Const(str(message_id))] if version is None else [Const(str(message_id)), Const(str(version))]
    return Layout(struct, *head, *items, nested=nested)


def fields(part: str, codec: ValueCodec, names: str, since: int = 0, until: int = LATEST) -> list[Item]:
    """Describe several neighbouring fields of one kind; `names` is a space separated list."""
    prefix = f"{part}." if part else ""
    return [Field(prefix + name, codec, since, until) for name in names.split()]


def size(path: str) -> list[Item]:
    """Describe a size of the market, which older clients read as an integer."""
    return [Field(path, WHOLE, until=FRACTIONAL_SIZES), Field(path, NUMBER, since=FRACTIONAL_SIZES)]
