"""Reading a file of strangers: XML in bounded memory, row by row; what is no statement is refused in words.

Everything is in attributes, one level below the sections: `FlexQueryResponse > FlexStatements > FlexStatement
> section > row`. Rows that have rows of their own (an order with its trades) do not occur in Flex files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

#: Bytes of a file; a year of a busy account has about a gigabyte.
MAX_BYTES = 2 * 2**30
#: Bytes from one element to the next; a row has about a kilobyte. The parser keeps an unfinished element
#: whole and begins it anew with each read, so a value of 30 MB would also take minutes.
MAX_ELEMENT = 1_000_000
COMPRESSED = b"\x1f\x8b", b"PK\x03\x04"
MAX_ATTRIBUTES = 400
MAX_VALUE = 10_000
STATEMENT, SECTION, ROW = 3, 4, 5  # depths


class NoStatement(Exception):
    """The file cannot be taken, and why; nothing of it was stored."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a section."""

    section: str
    tag: str
    values: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Begin:
    """A statement begins: the query's name, its kind, and the statement's own attributes."""

    query: str
    kind: str
    values: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section is there, with rows or without: only then its silence means something."""

    name: str


def read(source: IO[bytes]) -> Iterator[Begin | Section | Row]:
    """What the file says, in its order. Raises NoStatement at the first thing that is no Flex statement."""
    try:
        yield from _read(BoundedFile(source))
    except DefusedXmlException:
        raise NoStatement(
            "The file declares entities or a document type; no statement of IB's does."
        ) from None
    except ParseError as error:
        line, column = error.position
        raise NoStatement(
            f"The file is no whole XML document: it breaks at line {line}, column {column}."
        ) from None
    except (LookupError, ValueError) as error:  # an encoding that nobody has
        raise NoStatement(f"The file cannot be read: {error}.") from None


def _read(source: BoundedFile) -> Iterator[Begin | Section | Row]:
    path: list[Element] = []
    for event, element in iterparse(source, events=("start", "end"), forbid_dtd=True):
        source.since_element = 0
        if event == "start":
            path.append(element)
            yield from _started(path)
        else:
            path.pop()
            if path:
                path[-1].remove(element)  # else the tree of the whole file would be kept


def _started(path: list[Element]) -> Iterator[Begin | Section | Row]:
    depth, element = len(path), path[-1]
    values = _values(element)
    if depth == 1 and element.tag != "FlexQueryResponse":
        raise NoStatement(_no_response(element))
    if depth == STATEMENT - 1 and element.tag != "FlexStatements":
        raise NoStatement(f"Under FlexQueryResponse there is {_name(element)}, not FlexStatements.")
    if depth == STATEMENT:
        if element.tag != "FlexStatement":
            raise NoStatement(f"Among the statements there is {_name(element)}.")
        yield Begin(query=path[0].get("queryName", ""), kind=path[0].get("type", ""), values=values)
    if depth == SECTION:
        yield Section(name=_name(element))
    if depth == ROW:
        yield Row(section=_name(path[-2]), tag=_name(element), values=values)
    if depth > ROW + 1:
        raise NoStatement("The file is nested deeper than a statement.")


def _no_response(root: Element) -> str:
    if root.tag == "FlexStatementResponse":
        said = root.get("timestamp", "")
        return f"This is the web service's answer of {said}, not a statement: ask again until one comes."
    return f"The file begins with {_name(root)}; a statement begins with FlexQueryResponse."


def _values(element: Element) -> dict[str, str]:
    if len(element.attrib) > MAX_ATTRIBUTES:
        raise NoStatement(f"{_name(element)} has {len(element.attrib)} attributes.")
    if any(len(value) > MAX_VALUE for value in element.attrib.values()):
        raise NoStatement(f"{_name(element)} has a value of more than {MAX_VALUE:,} characters.")
    return dict(element.attrib)


def _name(element: Element) -> str:
    return str(element.tag)[:60]


class BoundedFile:
    """A file that ends with an error where it, or one element of it, is larger than any of a statement's."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._total = source, 0
        self.since_element = 0

    def read(self, size: int = -1) -> Any:
        """As a file's."""
        chunk = self._source.read(size if size > 0 else 2**16)
        if not self._total:
            self._begins(chunk)
        self._total += len(chunk)
        self.since_element += len(chunk)
        if self._total > MAX_BYTES:
            raise NoStatement(f"The file is larger than {MAX_BYTES:,} bytes.")
        if self.since_element > MAX_ELEMENT:
            raise NoStatement(f"One element of the file is larger than {MAX_ELEMENT:,} bytes.")
        return chunk

    @staticmethod
    def _begins(chunk: bytes) -> None:
        if not chunk.strip():
            raise NoStatement("The file is empty.")
        if chunk.startswith(COMPRESSED):
            raise NoStatement("The file is compressed: unpack it first.")
