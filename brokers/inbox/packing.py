"""Messages that wait far back in the queue, packed: as objects they would be some 3 kB each.

A gateway that has carried a long day tells all of it to a process that has just started, faster than the
database takes it in; and whatever a process once held it hardly gives back to the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar, cast

from brokers.port import InboundMessage
from brokers.rows import packed, unpacked

T = TypeVar("T")


class Packed(Generic[T]):
    """Some items in their order; what is no message (a job, a note of ours) is kept as it is."""

    __slots__ = ("_forgets", "_messages", "_others")

    def __init__(self, items: Sequence[T]) -> None:
        messages = [item for item in items if isinstance(item, InboundMessage)]
        self._messages = packed([_said(message) for message in messages])
        #: What is to be called when one is lost, which no packing takes.
        self._forgets = [message.forget for message in messages]
        #: By their places.
        self._others = {at: item for at, item in enumerate(items) if not isinstance(item, InboundMessage)}

    def __len__(self) -> int:
        return len(self._forgets) + len(self._others)

    def items(self) -> list[T]:
        """The items as they were."""
        said = zip(unpacked(self._messages), self._forgets, strict=True)
        messages = (cast(T, InboundMessage(**facts, forget=forget)) for facts, forget in said)
        return [self._others[at] if at in self._others else next(messages) for at in range(len(self))]


def _said(message: InboundMessage) -> dict[str, object]:
    """All of it but whom to tell when it is lost."""
    return {name: value for name, value in vars(message).items() if name != "forget"}
