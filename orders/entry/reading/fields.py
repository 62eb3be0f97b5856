"""Reading values from outside: a reader takes one raw value and returns a checked one, or says what is wrong.

`fields_of` makes the readers of a struct from its own types, bounds and descriptions
(`orders.entry.reading.ticket`), with the JSON Schema that describes them. Raw values are those of strict
JSON, whose numbers are `Number`s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from inspect import get_annotations
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from orders.errors import FieldError

INTEGER_DIGITS, DECIMALS = 18, 10
PLAIN_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)

Schema = dict[str, Any]
Choice = TypeVar("Choice", bound=Enum)


class Number(str):
    """A JSON number as it was written; the field that takes it decides what it means."""


class Wrong(ValueError):
    """One value is wrong; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Nested(Exception):
    """Errors inside an object that is itself a field."""

    errors: list[FieldError]


@dataclass(frozen=True)
class Reader:
    """Reads one raw value; `schema` (JSON Schema) tells clients what it takes.

    Of an object `fields` are its members, of a list `entry` reads each one.
    """

    function: Callable[[Any], Any]
    schema: Schema
    fields: Mapping[str, Field] | None = None
    entry: Reader | None = None

    def __call__(self, raw: Any) -> Any:
        """The checked value; raises Wrong, or Nested."""
        return self.function(raw)


def reads(**schema: Any) -> Callable[[Callable[[Any], Any]], Reader]:
    """Make a function a reader of values of this schema."""
    return lambda function: Reader(function, schema)


@dataclass(frozen=True)
class Field:
    """A field of an object: how to read it, and whether it must be there (null counts as absent)."""

    read: Reader
    required: bool = False
    description: str = ""
    label: str = ""
    default: Any = None

    @property
    def schema(self) -> Schema:
        """What it takes, without the null that stands for "not given"."""
        schema = self.read.schema
        return {**schema, "description": self.description} if self.description else schema


def object_schema(fields: Mapping[str, Field]) -> Schema:
    """The JSON Schema of an object of these fields."""

    def of(field: Field) -> Schema:
        return field.schema if field.required else {"anyOf": [field.schema, {"type": "null"}]}

    return {
        "type": "object",
        "properties": {name: of(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def collect(data: object, fields: Mapping[str, Field]) -> tuple[dict[str, Any], list[FieldError]]:
    """Checked values and what is wrong. A typo must not be ignored, so an unknown field is an error."""
    if not isinstance(data, Mapping):
        return {}, [FieldError("", "NOT_AN_OBJECT", "This must be a JSON object.")]
    values: dict[str, Any] = {}
    errors = [
        FieldError(printable(name)[1:-1], "UNKNOWN_FIELD", "There is no such field.")
        for name in data
        if name not in fields
    ]
    for name, field in fields.items():
        raw = data.get(name)
        if raw is None:
            if field.required:
                errors.append(FieldError(name, "REQUIRED", "This field is required."))
            continue
        try:
            values[name] = field.read.function(raw)
        except Wrong as wrong:
            errors.append(FieldError(name, wrong.code, str(wrong)))
        except Nested as nested:
            errors += [inside(name, error) for error in nested.errors]
    return values, errors


def inside(name: str, error: FieldError) -> FieldError:
    """The same error seen from the outer object."""
    return FieldError(f"{name}.{error.field}" if error.field else name, error.code, error.message)


def text(pattern: str, must_be: str) -> Reader:
    """A string that matches the pattern, which is that of all of it: `^...$`."""
    compiled = re.compile(pattern, re.ASCII)

    @reads(type="string", pattern=pattern)
    def read(raw: Any) -> str:
        if not isinstance(raw, str) or isinstance(raw, Number):
            raise Wrong("NOT_A_STRING", "This must be a string.")
        if not compiled.fullmatch(raw):
            raise Wrong("BAD_FORMAT", f"This must be {must_be}.")
        return raw

    return read


#: What a client may be called, by every door: Django's own rule, in ASCII.
client_name = text(r"^[A-Za-z0-9_.@+-]{1,150}$", "1 to 150 letters, digits and @.+-_")


def word(words: type[Choice]) -> Reader:
    """One of the words of an enumeration."""
    known: dict[str, Choice] = {member.value: member for member in words}
    description = f"This must be one of {', '.join(known)}."

    @reads(type="string", enum=list(known))
    def read(raw: Any) -> Choice:
        found = known.get(raw) if isinstance(raw, str) else None
        if found is None:
            raise Wrong("UNKNOWN_WORD", description)
        return found

    return read


@reads(anyOf=[{"type": "string", "pattern": r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,10})?$"}, {"type": "number"}])
def decimal(raw: Any) -> Decimal:
    """A number, or a string that holds one, in plain notation: what was meant is then beyond doubt."""
    if not isinstance(raw, str):
        raise Wrong("NOT_A_NUMBER", "This must be a number, or a string that holds one.")
    found = PLAIN_NUMBER.fullmatch(raw)
    if not found:
        raise Wrong("NOT_A_NUMBER", 'This must be a number in plain notation, such as "229.95".')
    sign, whole, fraction = found[1], found[2], found[3] or ""
    if len(whole) > INTEGER_DIGITS:
        raise Wrong("TOO_LARGE", f"This may have at most {INTEGER_DIGITS} digits before the point.")
    if len(fraction) > DECIMALS:
        raise Wrong("TOO_PRECISE", f"This may have at most {DECIMALS} decimals.")
    value = Decimal(raw)
    if sign and not value:
        raise Wrong("NEGATIVE_ZERO", "This is a negative zero.")
    return value


def positive(at_most: int, unit: str) -> Reader:
    """A number above zero that has an upper bound."""

    @reads(**decimal.schema)
    def read(raw: Any) -> Decimal:
        value: Decimal = decimal.function(raw)
        if not 0 < value <= at_most:
            raise Wrong("OUT_OF_RANGE", f"This must be above 0 and at most {at_most} {unit}.")
        return value

    return read


def integer(low: int, high: int) -> Reader:
    """A whole number within [low, high] in a JSON body, where a string is none."""
    read_whole = whole(low, high)

    @reads(**read_whole.schema)
    def read(raw: Any) -> int:
        if not isinstance(raw, Number):
            raise Wrong("NOT_A_NUMBER", f"This must be a whole number from {low} to {high}.")
        return int(read_whole(re.sub(r"\.0{1,9}$", "", raw)))  # to JSON Schema 7.0 is an integer

    return read


def listed(read: Reader, *, most: int, least: int = 0) -> Reader:
    """A JSON list of `least` to `most` values; errors name the place, such as "accounts.0"."""

    def read_all(raw: Any) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise Wrong("NOT_A_LIST", "This must be a list.")
        if not least <= len(raw) <= most:
            raise Wrong("OUT_OF_RANGE", f"This must have {least} to {most} entries, not {len(raw)}.")
        values, errors = collect(
            {str(place): "" if value is None else value for place, value in enumerate(raw)},
            {str(place): Field(read, required=True) for place in range(len(raw))},
        )
        if errors:
            raise Nested(errors)
        return tuple(values.values())

    schema = {"type": "array", "items": read.schema, "minItems": least, "maxItems": most}
    return Reader(read_all, schema, entry=read)


def stated(raw: Any, read: Reader) -> Any:
    """A document without what it need not have said: null, and defaults spelled out."""
    if isinstance(raw, dict) and (fields := read.fields):
        unknown = {name: value for name, value in raw.items() if name not in fields}
        known = {name: stated(raw[name], field.read) for name, field in fields.items() if name in raw}
        said = {name: value for name, value in known.items() if value not in (None, [], fields[name].default)}
        return unknown | said
    if isinstance(raw, list) and read.entry:
        return [stated(one, read.entry) for one in raw]
    return raw


def meaning(raw: Any, read: Reader) -> Any:
    """A document by its meaning: what was stated, numbers in one form ("10", "10.0" and 10 are the same)."""
    if isinstance(raw, dict) and (fields := read.fields):
        return {
            name: meaning(value, fields[name].read) if name in fields else value
            for name, value in stated(raw, read).items()
        }
    if isinstance(raw, list) and read.entry:
        return [meaning(one, read.entry) for one in raw]
    numeric = "anyOf" in read.schema or read.schema.get("type") in ("integer", "number")
    if numeric and isinstance(raw, str) and len(raw) < 64 and PLAIN_NUMBER.fullmatch(raw):
        return f"{Decimal(raw).normalize():f}"
    return raw


@reads(type="boolean")
def boolean(raw: Any) -> bool:
    """true or false in a JSON body."""
    if not isinstance(raw, bool):
        raise Wrong("NOT_A_BOOLEAN", "This must be true or false.")
    return raw


@reads(type="string", format="date-time")
def moment(raw: Any) -> datetime:
    """A time with its zone, ISO 8601, of this century; it comes out in UTC."""
    try:
        found = datetime.fromisoformat(raw) if isinstance(raw, str) and not isinstance(raw, Number) else None
        if found is not None and found.tzinfo is not None and 2000 <= found.year < 2100:
            return found.astimezone(UTC)
    except ValueError:
        pass
    raise Wrong("NOT_A_TIME", 'This must be a time with its zone, such as "2026-11-23T15:30:00Z".')


def built(make: Callable[..., Any], fields: Mapping[str, Field]) -> Reader:
    """An object that becomes a value of ours."""

    def read(raw: Any) -> Any:
        values, errors = collect(raw, fields)
        if errors:
            raise Nested(errors)
        return make(**values)

    return Reader(read, object_schema(fields), fields=fields)


def whole(low: int, high: int) -> Reader:
    """A whole number within [low, high]."""

    @reads(type="integer", minimum=low, maximum=high)
    def read(raw: Any) -> int:
        plain = isinstance(raw, str) and re.fullmatch(r"[0-9]{1,19}", raw, re.ASCII)
        if not plain or not low <= int(raw) <= high:
            raise Wrong("OUT_OF_RANGE", f"This must be a whole number from {low} to {high}.")
        return int(raw)

    return read


@cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """How each field of a struct is read and described: required ones first, own before inherited."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - what a struct is
    known = {each.name: _field_of(each) for each in info.fields}
    own_first = dict.fromkeys(name for part in struct.__mro__ for name in get_annotations(part))
    return {name: known[name] for name in sorted(own_first, key=lambda name: not known[name].required)}


def _field_of(each: inspect.Field) -> Field:
    kind, about, extra = _unwrapped(each.type)
    return Field(
        _reader_of(kind, extra),
        required=each.required,
        description=about.get("description", ""),
        label=about.get("title") or each.name.replace("_", " ").capitalize(),
        default=each.default,
    )


def reader_of(kind: Any) -> Reader:
    """The reader of a type, such as `ClOrdId`."""
    found, _, extra = _unwrapped(inspect.type_info(kind))
    return _reader_of(found, extra)


def _unwrapped(kind: inspect.Type) -> tuple[inspect.Type, Schema, Schema]:
    """(the type itself, title and description, our own `extra`); null stands for "not given" everywhere."""
    about: Schema = {}
    extra: Schema = {}
    while isinstance(kind, inspect.UnionType | inspect.Metadata):
        if isinstance(kind, inspect.Metadata):
            about, extra = about | (kind.extra_json_schema or {}), extra | (kind.extra or {})
            kind = kind.type
        else:
            (kind,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind, about, extra


def _reader_of(kind: inspect.Type, extra: Schema) -> Reader:
    match kind:
        case inspect.StrType(pattern=str(pattern)):
            return text(pattern, extra["must_be"])
        case inspect.EnumType(cls=words) | inspect.CustomType(cls=words):  # Django's TextChoices are custom
            return word(words)
        case inspect.DecimalType():
            return positive(**extra) if extra else decimal
        case inspect.IntType(ge=int(low), le=int(high)):
            return integer(low, high)
        case inspect.BoolType():
            return boolean
        case inspect.DateTimeType():
            return moment
        case inspect.StructType(cls=struct):
            return built(struct, fields_of(struct))
        case inspect.VarTupleType(item_type=item, min_length=least, max_length=int(most)):
            of_item, _, more = _unwrapped(item)
            return listed(_reader_of(of_item, more), least=least or 0, most=most)
    raise TypeError(f"There is no reader of {kind}.")


def printable(text: str) -> str:
    """A caller's text, quoted, short and plain enough to be sent back (it may hold lone surrogates)."""
    return ascii(text[:64])
