"""Reading and writing messages by a layout. One message says much the same as the one before.

So what the last one of a shape was made of is kept, and only what differs from it is worked. A message
has the same shape as another if every block is there in both and every repetition says the same: then
each field stands in the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from itertools import compress
from operator import attrgetter, is_not, ne
from typing import Any, NamedTuple

from brokers.simulator.wire.items import Const, Field, Item, Repeat, When
from brokers.simulator.wire.values import ValueCodec, WireError

#: Values read so far, by the part of the message they belong to ("" is the message itself).
Parts = dict[str, dict[str, Any]]
#: A block's condition, and what it said of the message that is remembered.
Verdict = tuple[Callable[[Any], bool], bool]
# No real message repeats a block more often; a larger count is garbage and must not allocate.
_MAX_REPETITIONS = 1_000
# So many shapes are remembered for reading, by their number of fields.
_MAX_SHAPES = 64


class Made(NamedTuple):
    """What a message and its parts are made into.

    `tail` gives what a short frame of an older client is filled up with: a full list of fields, of
    which the ones that the frame lacks are used; `least` is how short it may be.
    """

    struct: type[Any]
    nested: Mapping[str, type[Any]]
    tail: Sequence[str] = ()
    least: int = 1


def at_version(items: Sequence[Item], version: int) -> list[Item]:
    """Return the items that a server version has, those of blocks too."""
    return [
        item if isinstance(item, (Const, Field)) else item._replace(items=at_version(item.items, version))
        for item in items
        if item.since <= version < item.until
    ]


def _split(path: str) -> tuple[str, str]:
    part, _, name = path.rpartition(".")
    return part, name


def _agrees(verdict: Verdict, value: Any) -> bool:
    test, known = verdict
    return bool(test(value)) is known


# -- writing --------------------------------------------------------------------------------------


class _Source(NamedTuple):
    """An attribute that stands at `place`; without a place a block asked it, or it was repeated."""

    name: str
    place: int | None
    encode: Callable[[Any], str]
    verdict: Verdict | None = None


class _Part:
    """The attributes of one part of a message, with the values that were written last."""

    def __init__(self, part: str, sources: list[_Source], message: Any) -> None:
        self._part = part
        self._sources = sources
        names = [source.name for source in sources]
        getter = attrgetter(*names)
        self._values_of = getter if len(names) > 1 else lambda owner: (getter(owner),)
        self._values = self._values_of(self._owner(message))

    def follow(self, message: Any, texts: list[str]) -> bool:
        """Write what is new into `texts`; False if the message has another shape."""
        values, known = self._values_of(self._owner(message)), self._values
        # Equal is not enough: 0 and 0.0 are written differently. Field values never change in place.
        for number in compress(range(len(known)), map(is_not, values, known)):
            _, place, encode, verdict = self._sources[number]
            if place is not None:
                texts[place] = encode(values[number])
            elif not (_agrees(verdict, values[number]) if verdict else values[number] == known[number]):
                return False
        self._values = values
        return True

    def _owner(self, message: Any) -> Any:
        return getattr(message, self._part) if self._part else message


class Written:
    """The texts of the message that was written last, and where each came from."""

    def __init__(self, items: Sequence[Item], message: Any) -> None:
        self.texts: list[str] = []
        self._sources: defaultdict[str, list[_Source]] = defaultdict(list)
        self._write(items, message)
        self._parts = [_Part(part, sources, message) for part, sources in self._sources.items()]

    def follow(self, message: Any) -> bool:
        """Become another message of the same shape; False, and of no more use, if it has another."""
        texts = self.texts
        return all(part.follow(message, texts) for part in self._parts)

    def _write(self, items: Sequence[Item], message: Any) -> None:
        for item in items:
            if isinstance(item, Const):
                self.texts.append(item.text)
                continue
            part, name = _split(item.path)
            value = attrgetter(item.path)(message)
            if isinstance(item, Field):
                self._sources[part].append(_Source(name, len(self.texts), item.codec.encode))
                self.texts.append(item.codec.encode(value))
            elif isinstance(item, When):
                verdict = bool(item.test(value))
                self._sources[part].append(_Source(name, None, str, (item.test, verdict)))
                self._write(item.items if verdict else (), message)
            else:
                self._sources[part].append(_Source(name, None, str))
                self.texts += _repeated(item.items, value)


def _repeated(items: Sequence[Item], records: Sequence[Any]) -> list[str]:
    """Return the count of records and the texts of each."""
    texts = [str(len(records))]
    written = None
    for record in records:
        if written is None or not written.follow(record):
            written = Written(items, record)
        texts += written.texts
    return texts


# -- reading --------------------------------------------------------------------------------------


class _Spot(NamedTuple):
    """The attribute that a field of a frame became, and what blocks said to it."""

    part: str
    name: str
    codec: ValueCodec
    verdicts: list[Verdict]


class _Reader:
    """Reads one frame field by field, and remembers how."""

    def __init__(self, fields: Sequence[str], first: int = 0) -> None:
        self.fields = fields
        #: One per field; None for those that are no attribute of the message or its parts.
        self.spots: list[_Spot | None] = [None] * first
        self.consts: set[int] = set()
        self.parts: Parts = defaultdict(dict)

    def read(self, items: Sequence[Item]) -> None:
        """Read the items; raises WireError if a field is missing or is not of its kind."""
        for item in items:
            if isinstance(item, Const):
                self.consts.add(len(self.spots))
                self._take(None)
                continue
            part, name = _split(item.path)
            if isinstance(item, Field):
                text = self._take(_Spot(part, name, item.codec, []))
                self.parts[part][name] = _decoded(name, item.codec, text)
            elif isinstance(item, When):
                verdict = bool(item.test(self.parts[part].get(name)))
                self._note(part, name, (item.test, verdict))
                self.read(item.items if verdict else ())
            else:
                count = self._count(name)
                self.parts[part][name] = tuple(self._record(item) for _ in range(count))

    def _take(self, spot: _Spot | None) -> str:
        place = len(self.spots)
        if place >= len(self.fields):
            raise WireError(f"message ends after {len(self.fields)} fields, {place + 1} expected")
        self.spots.append(spot)
        return self.fields[place]

    def _note(self, part: str, name: str, verdict: Verdict) -> None:
        for spot in self.spots:
            if spot is not None and spot.name == name and spot.part == part:
                spot.verdicts.append(verdict)

    def _count(self, name: str) -> int:
        text = self._take(None)
        if not text:
            return 0
        if not (text.isascii() and text.isdigit()) or int(text) > _MAX_REPETITIONS:
            raise WireError(f"count of {name} expected, got {text[:20]!r}")
        return int(text)

    def _record(self, item: Repeat) -> Any:
        reader = _Reader(self.fields, first=len(self.spots))
        reader.read(item.items)
        # What a repetition says is not followed field by field.
        self.spots += [None] * (len(reader.spots) - len(self.spots))
        return item.struct(**reader.parts[""])


def _decoded(name: str, codec: ValueCodec, text: str) -> Any:
    try:
        return codec.decode(text)
    except WireError as error:
        raise WireError(f"{name}: {error}") from None


class Read:
    """A message that was read, and how: others of its shape are made from copies of it."""

    def __init__(self, items: Sequence[Item], fields: Sequence[str], made: Made) -> None:
        reader = _Reader(fields)
        reader.read(items)
        own = reader.parts.pop("", {})
        self._parts = list(reader.parts)
        for part, values in reader.parts.items():
            own[part] = made.nested[part](**values)
        self._message = made.struct(**own)
        self._fields, self._spots, self._consts = fields, reader.spots, reader.consts

    def message(self) -> Any:
        """Return a message of its own: who gets it may change it."""
        message = copy(self._message)
        for part in self._parts:
            setattr(message, part, copy(getattr(message, part)))
        return message

    def follow(self, fields: Sequence[str]) -> Any | None:
        """Return the message of as many other fields; None if it has another shape. Raises WireError."""
        message = self.message()
        for place in compress(range(len(self._spots)), map(ne, fields, self._fields)):
            spot = self._spots[place]
            if spot is not None:
                part, name, codec, verdicts = spot
                value = _decoded(name, codec, fields[place])
                if not all(_agrees(verdict, value) for verdict in verdicts):
                    return None
                setattr(getattr(message, part) if part else message, name, value)
            elif place not in self._consts:
                return None
        return message


class Plan:
    """A layout at one server version."""

    def __init__(self, items: Sequence[Item], version: int, made: Made) -> None:
        self._items = at_version(items, version)
        self._made = made
        self._written: Written | None = None
        self._read: dict[int, Read] = {}

    def payload(self, message: Any) -> str:
        """Return the fields of `message`, the message id first, each followed by NUL."""
        # Whatever goes wrong on the way, the next message does not begin with half of this one.
        written, self._written = self._written, None
        if written is None or not written.follow(message):
            written = Written(self._items, message)
        self._written = written
        return "\0".join(written.texts) + "\0"

    def write(self, message: Any) -> list[str]:
        """Return the fields of `message` one by one."""
        return self.payload(message)[:-1].split("\0")

    def read(self, fields: Sequence[str]) -> Any:
        """Return the message that `fields` say; surplus fields at the end are ignored, as real peers do.

        Raises WireError if a field is missing or is not of its kind.
        """
        if len(fields) < self._made.least:
            raise WireError(f"message of {len(fields)} fields, at least {self._made.least} expected")
        if len(fields) < len(self._made.tail):
            fields = [*fields, *self._made.tail[len(fields) :]]
        known = self._read.get(len(fields))
        message = known.follow(fields) if known is not None else None
        if message is not None:
            return message
        read = Read(self._items, fields, self._made)
        if known is not None or len(self._read) < _MAX_SHAPES:
            self._read[len(fields)] = read
        return read.message()
