"""Field layouts: a message described as a table, turned into a plan per server version.

A layout is a list of items: constants, fields (with the version range they exist in), blocks that are
there under a condition, and counted repetitions. `Layout.at(version)` drops what that version does not
have and joins neighbouring fields, so that writing an order of 135 fields is a handful of steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, is_
from typing import Any, NamedTuple, Protocol

from brokers.simulator.wire.values import NUMBER, WHOLE, ValueCodec, WireError

#: Values read so far, by the part of the message they belong to ("" is the message itself).
Parts = dict[str, dict[str, Any]]
LATEST = 10_000
#: Sizes may have decimals from this server version on; clients of older ones read integers.
FRACTIONAL_SIZES = 163
# No real message repeats a block more often; a larger count is garbage and must not allocate.
_MOST_REPETITIONS = 1_000
# One order says much the same as the one before: fields are worked in groups of this size, and a group
# that has not changed is not worked again.
_GROUP = 16


class Const(NamedTuple):
    """A field whose text never changes, such as the message id or the message version."""

    text: str
    since: int = 0
    until: int = LATEST


class Field(NamedTuple):
    """One field: dotted path of the attribute, its codec, the server versions that have it."""

    path: str
    codec: ValueCodec
    since: int = 0
    until: int = LATEST


class When(NamedTuple):
    """Items present only if `test` holds for the value at `path` (read or written before)."""

    path: str
    test: Callable[[Any], bool]
    items: Sequence[Item]
    since: int = 0
    until: int = LATEST


class Repeat(NamedTuple):
    """A count, then that many records of `struct`, kept as a tuple at `path`."""

    path: str
    struct: type[Any]
    items: Sequence[Item]
    since: int = 0
    until: int = LATEST


Item = Const | Field | When | Repeat


class _Reader:
    """A cursor over the fields of one frame."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields
        self.position = 0

    def take(self, count: int) -> Sequence[str]:
        end = self.position + count
        if end > len(self.fields):
            raise WireError(f"message ends after {len(self.fields)} fields, {end} expected")
        taken = self.fields[self.position : end]
        self.position = end
        return taken


class _Step(Protocol):
    """Writes its fields as one text, with NUL between them."""

    def write(self, message: Any, out: list[str]) -> None: ...
    def read(self, reader: _Reader, parts: Parts) -> None: ...


def _split(path: str) -> tuple[str, str]:
    part, _, name = path.rpartition(".")
    return part, name


class _ConstStep:
    def __init__(self, texts: list[str]) -> None:
        self.count = len(texts)
        self.text = "\0".join(texts)

    def write(self, message: Any, out: list[str]) -> None:
        out.append(self.text)

    def read(self, reader: _Reader, parts: Parts) -> None:
        reader.take(self.count)


class _FieldsStep:
    """Neighbouring fields of one part of the message, read and written together."""

    def __init__(self, fields: list[Field]) -> None:
        self.part = _split(fields[0].path)[0]
        self.names = [_split(field.path)[1] for field in fields]
        self.encoders = [field.codec.encode for field in fields]
        self.decoders = [field.codec.decode for field in fields]
        getter = attrgetter(*self.names)
        self.values = getter if len(fields) > 1 else lambda owner: (getter(owner),)
        self._written: Sequence[Any] = [object()] * len(fields)
        self._text = ""
        self._read: tuple[Sequence[str], dict[str, Any]] = (), {}

    def write(self, message: Any, out: list[str]) -> None:
        values = self.values(getattr(message, self.part) if self.part else message)
        # Equal is not enough: 0 and 0.0 are written differently. Field values never change in place.
        if not all(map(is_, self._written, values)):
            texts = [encode(value) for encode, value in zip(self.encoders, values, strict=True)]
            self._written, self._text = values, "\0".join(texts)
        out.append(self._text)

    def read(self, reader: _Reader, parts: Parts) -> None:
        texts = reader.take(len(self.names))
        known, values = self._read
        if texts != known:
            values = self._decoded(texts)
            self._read = texts, values
        parts[self.part].update(values)

    def _decoded(self, texts: Sequence[str]) -> dict[str, Any]:
        values = {}
        for name, decode, text in zip(self.names, self.decoders, texts, strict=True):
            try:
                values[name] = decode(text)
            except WireError as error:
                raise WireError(f"{name}: {error}") from None
        return values


class _WhenStep:
    def __init__(self, item: When, version: int) -> None:
        self.part, self.name = _split(item.path)
        self.value = attrgetter(item.path)
        self.test = item.test
        self.steps = _compile(item.items, version)

    def write(self, message: Any, out: list[str]) -> None:
        if self.test(self.value(message)):
            for step in self.steps:
                step.write(message, out)

    def read(self, reader: _Reader, parts: Parts) -> None:
        if self.test(parts[self.part].get(self.name)):
            for step in self.steps:
                step.read(reader, parts)


class _RepeatStep:
    def __init__(self, item: Repeat, version: int) -> None:
        self.part, self.name = _split(item.path)
        self.value = attrgetter(item.path)
        self.struct = item.struct
        self.steps = _compile(item.items, version)

    def write(self, message: Any, out: list[str]) -> None:
        records = self.value(message)
        out.append(str(len(records)))
        for record in records:
            for step in self.steps:
                step.write(record, out)

    def read(self, reader: _Reader, parts: Parts) -> None:
        parts[self.part][self.name] = tuple(self._record(reader) for _ in range(self._count(reader)))

    def _count(self, reader: _Reader) -> int:
        (text,) = reader.take(1)
        if not text:
            return 0
        if not (text.isascii() and text.isdigit()) or int(text) > _MOST_REPETITIONS:
            raise WireError(f"count of {self.name} expected, got {text[:20]!r}")
        return int(text)

    def _record(self, reader: _Reader) -> Any:
        parts: Parts = defaultdict(dict)
        for step in self.steps:
            step.read(reader, parts)
        return self.struct(**parts[""])


def _compile(items: Iterable[Item], version: int) -> list[_Step]:
    steps: list[_Step] = []
    texts: list[str] = []
    fields: list[Field] = []

    def flush() -> None:
        if texts:
            steps.append(_ConstStep(texts[:]))
        if fields:
            steps.append(_FieldsStep(fields[:]))
        texts.clear()
        fields.clear()

    for item in items:
        if not item.since <= version < item.until:
            continue
        if isinstance(item, Const):
            if fields:
                flush()
            texts.append(item.text)
        elif isinstance(item, Field):
            is_full = len(fields) == _GROUP
            if texts or is_full or (fields and _split(fields[-1].path)[0] != _split(item.path)[0]):
                flush()
            fields.append(item)
        else:
            flush()
            steps.append(_WhenStep(item, version) if isinstance(item, When) else _RepeatStep(item, version))
    flush()
    return steps


class Plan:
    """A layout at one server version."""

    def __init__(self, layout: Layout, version: int) -> None:
        self._layout = layout
        self._steps = _compile(layout.items, version)

    def payload(self, message: Any) -> str:
        """Return the fields of `message`, the message id first, each followed by NUL."""
        out: list[str] = []
        for step in self._steps:
            step.write(message, out)
        out.append("")
        return "\0".join(out)

    def write(self, message: Any) -> list[str]:
        """Return the fields of `message` one by one."""
        return self.payload(message)[:-1].split("\0")

    def read(self, fields: Sequence[str]) -> Any:
        """Return the message that `fields` say; surplus fields at the end are ignored, as real peers do.

        Raises WireError if a field is missing or is not of its kind.
        """
        if len(fields) < self._layout.least:
            raise WireError(f"message of {len(fields)} fields, at least {self._layout.least} expected")
        reader = _Reader([*fields, *self._layout.tail[len(fields) :]])
        parts: Parts = defaultdict(dict)
        for step in self._steps:
            step.read(reader, parts)
        own = parts.pop("", {})
        for part, values in parts.items():
            own[part] = self._layout.nested[part](**values)
        return self._layout.struct(**own)


class Layout:
    """The fields of one message, for all server versions.

    `tail` gives what a short frame of an older client is filled up with: a full list of fields, of
    which the ones that the frame lacks are used; `least` is how short it may be.
    """

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
        self.tail = tail
        self.least = least
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
        return Plan(self, version)


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
