"""Reading fields of a JSON object or of a query: a reader takes one raw value and returns a checked one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from orders.api.parsers import Number, printable
from orders.api.problems import FieldError, invalid

MAX_ERRORS = 50
INTEGER_DIGITS, DECIMALS = 18, 10
PLAIN_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)

Schema = dict[str, Any]
Word = TypeVar("Word", bound=Enum)


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
    """Reads one raw value; `schema` (JSON Schema) tells clients what it takes."""

    function: Callable[[Any], Any]
    schema: Schema

    def __call__(self, raw: Any) -> Any:
        """The checked value; raises Wrong, or Nested."""
        return self.function(raw)


def reads(**schema: Any) -> Callable[[Callable[[Any], Any]], Reader]:
    """Make a function a reader of values of this schema."""
    return lambda function: Reader(function, schema)


@dataclass(frozen=True)
class Field:
    """A field of an object: how to read it, and whether it must be there (null counts as absent)."""

    read: Callable[[Any], Any]
    required: bool = False
    description: str = ""

    @property
    def schema(self) -> Schema:
        """What it takes, without the null that stands for "not given"."""
        schema: Schema = getattr(self.read, "schema", {})
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


def read_fields(data: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The checked values of the fields that are present; raises Problem INVALID naming every wrong field."""
    values, errors = collect(data, fields)
    if errors:
        raise invalid(errors[:MAX_ERRORS])
    return values


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
            values[name] = field.read(raw)
        except Wrong as wrong:
            errors.append(FieldError(name, wrong.code, str(wrong)))
        except Nested as nested:
            errors += [inside(name, error) for error in nested.errors]
    return values, errors


def inside(name: str, error: FieldError) -> FieldError:
    """The same error seen from the outer object."""
    return FieldError(f"{name}.{error.field}" if error.field else name, error.code, error.message)


def nested(fields: Mapping[str, Field]) -> Reader:
    """A field that is an object."""

    @reads(**object_schema(fields))
    def read(raw: Any) -> dict[str, Any]:
        values, errors = collect(raw, fields)
        if errors:
            raise Nested(errors)
        return values

    return read


def text(pattern: str, description: str) -> Reader:
    """A string that matches the whole pattern; `says` tells people what it must be."""
    compiled = re.compile(pattern, re.ASCII)

    @reads(type="string", pattern=f"^(?:{pattern})$")
    def read(raw: Any) -> str:
        if not isinstance(raw, str) or isinstance(raw, Number):
            raise Wrong("NOT_A_STRING", "This must be a string.")
        if not compiled.fullmatch(raw):
            raise Wrong("BAD_FORMAT", f"This must be {description}.")
        return raw

    return read


def word(words: type[Word]) -> Reader:
    """One of the words of an enumeration."""
    known: dict[str, Word] = {member.value: member for member in words}
    description = f"This must be one of {', '.join(known)}."

    @reads(type="string", enum=list(known))
    def read(raw: Any) -> Word:
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


def integer(low: int, high: int) -> Reader:
    """A whole number within [low, high] in a JSON body, where a string is none."""
    read_whole = whole(low, high)

    @reads(**read_whole.schema)
    def read(raw: Any) -> int:
        if not isinstance(raw, Number):
            raise Wrong("NOT_A_NUMBER", f"This must be a whole number from {low} to {high}.")
        return int(read_whole(re.sub(r"\.0{1,9}$", "", raw)))  # to JSON Schema 7.0 is an integer

    return read


def listed(read: Callable[[Any], Any], *, most: int, least: int = 0) -> Reader:
    """A JSON list of `least` to `most` values; errors name the place, such as "accounts.0"."""

    @reads(type="array", items=getattr(read, "schema", {}), minItems=least, maxItems=most)
    def read_all(raw: Any) -> list[Any]:
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
        return list(values.values())

    return read_all


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
    read_object = nested(fields)
    return Reader(lambda raw: make(**read_object(raw)), read_object.schema)


@reads(type="boolean")
def flag(raw: Any) -> bool:
    """ "true" or "false" in a query."""
    if raw not in ("true", "false"):
        raise Wrong("NOT_A_FLAG", "This must be true or false.")
    return bool(raw == "true")


def whole(low: int, high: int) -> Reader:
    """A whole number within [low, high]."""

    @reads(type="integer", minimum=low, maximum=high)
    def read(raw: Any) -> int:
        plain = isinstance(raw, str) and re.fullmatch(r"[0-9]{1,19}", raw, re.ASCII)
        if not plain or not low <= int(raw) <= high:
            raise Wrong("OUT_OF_RANGE", f"This must be a whole number from {low} to {high}.")
        return int(raw)

    return read
