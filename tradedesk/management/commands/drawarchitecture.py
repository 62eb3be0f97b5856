"""`manage.py drawarchitecture`: write the pictures of rooms and ways in docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradedesk.bench.figures import Document
from tradedesk.bench.path.figures import COLUMNS, read_figures
from tradedesk.bench.path.rooms import BASE, room_of_module
from tradedesk.management.commands.drawkinds import replaced, table

FILE = BASE / "docs" / "architecture.md"
START = "<!-- drawn by manage.py drawarchitecture -->"
ROOTS = ("orders", "brokers")
NO_ROOMS = frozenset({"orders", "orders.apps", "orders.migrations", "brokers.migrations"})
LEGS = {
    "post": "POST to 201",
    "claim": "claim, to the bytes",
    "callbacks": "four callbacks, to the commit",
    "stream": "one event, to a reader",
}
Arrow = tuple[str, str]


class Command(BaseCommand):
    """The pictures cannot differ from the code: a test runs this with --check."""

    help = "Write the pictures of rooms and ways in docs/architecture.md (needs the development packages)."
    requires_system_checks = []  # neither database nor Redis is used

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail if the document is not up to date")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        """Write the file and name it, or compare it."""
        text = FILE.read_text()
        redrawn = replaced(text, START, drawn())
        if not check:
            FILE.write_text(redrawn)
            self.stdout.write(f"Wrote {FILE}.")
        elif text != redrawn:
            raise CommandError("docs/architecture.md is not up to date: run `manage.py drawarchitecture`.")
        elif gone := [room for room in newest_rooms() if not exists(room)]:
            raise CommandError(
                f"docs/path.json names what is not there any more ({', '.join(gone)}): "
                "run `manage.py bench path --write`."
            )
        else:
            self.stdout.write("docs/architecture.md is up to date.")


def drawn() -> str:
    """All that stands between the marks."""
    modules, arrows = imports()
    rooms = sorted({room_of_module(module) for module in modules} - NO_ROOMS)
    return "\n".join(
        [
            *mermaid(rooms_picture(rooms, without_detours(arrows))),
            "",
            "An arrow is an import; one that others already imply by a longer way is left out.",
            "",
            table(("room", "what it is"), [(f"`{room}`", first_sentence(room)) for room in rooms]),
            "",
            *ways(read_figures()),
        ]
    )


def imports() -> tuple[set[str], set[Arrow]]:
    """The modules of `orders` and `brokers`, and which room imports which."""
    try:
        import grimp
    except ModuleNotFoundError:
        raise CommandError(
            "grimp is missing; it comes with the development packages: pip install -e '.[dev]'."
        ) from None
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    arrows = {
        (room_of_module(module), room_of_module(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return graph.modules, {(a, b) for a, b in arrows if a != b and not NO_ROOMS & {a, b}}


def without_detours(arrows: set[Arrow]) -> list[Arrow]:
    """The least arrows by which every room still reaches all that it reached."""
    kept = set(arrows)
    for arrow in sorted(arrows):
        if reaches(kept - {arrow}, *arrow):
            kept.remove(arrow)
    return sorted(kept)


def reaches(arrows: set[Arrow], source: str, target: str) -> bool:
    """Whether a way leads from one room to the other."""
    seen, front = {source}, {source}
    while front:
        front = {b for a, b in arrows if a in front} - seen
        seen |= front
    return target in seen


def rooms_picture(rooms: list[str], arrows: list[Arrow]) -> Iterator[str]:
    """A mermaid graph, a box for each of the two packages."""
    yield "flowchart TD"
    for root in ROOTS:
        yield f"    subgraph {root}_ [{root}/]"
        yield from (f'        {name_of(room)}["{room}"]' for room in rooms if room.partition(".")[0] == root)
        yield "    end"
    yield from (f"    {name_of(source)} --> {name_of(target)}" for source, target in arrows)


def name_of(room: str) -> str:
    """A room's name for mermaid, which does not like dots."""
    return room.replace(".", "_")


def mermaid(lines: Iterable[str]) -> list[str]:
    """A picture as Markdown has it."""
    return ["```mermaid", *lines, "```"]


def first_sentence(room: str) -> str:
    """What a room title of itself in its docstring."""
    text = " ".join((ast.get_docstring(ast.parse(source_of(room).read_text())) or "").split())
    found = re.match(r".+?[.!?](?=\s|$)", text)
    return found.group() if found else text


def source_of(room: str) -> Path:
    """The file with a room's docstring."""
    folder = BASE / room.replace(".", "/")
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def exists(room: str) -> bool:
    """Whether there is such a room."""
    return source_of(room).exists()


def ways(figures: dict[str, Document]) -> Iterator[str]:
    """What `bench path` found: the rooms of each leg, and the figures before and after."""
    measured = [column for column in COLUMNS if column in figures]
    if not measured:
        yield "`manage.py bench path --write` has not measured the ways yet."
        return
    newest = figures[measured[-1]]
    yield f"The way of one order, measured on {newest['at']}: functions passed in each room, in the order in"
    yield "which the rooms are first entered."
    yield ""
    yield from mermaid(ways_picture(newest["legs"]))
    yield ""
    legs = [figures[column]["legs"] for column in measured]
    rows = [(title, *(figure(each[leg]) for each in legs)) for leg, title in LEGS.items()]
    rows += [
        (
            f"POST comes back to a {place} it had left",
            *(f"{each['post'][f'returns_to_{place}s']}" for each in legs),
        )
        for place in ("room", "file")
    ]
    yield table(("functions / files / calls", *measured), rows)


def ways_picture(legs: Document) -> Iterator[str]:
    """A row of rooms for each leg."""
    yield "flowchart TD"
    for leg, title in LEGS.items():
        yield f'    subgraph {leg}["{title}"]'
        yield "        direction LR"
        boxes = [
            f'{leg}{number}["{room}<br/>{count}"]'
            for number, (room, count) in enumerate(legs[leg]["rooms"].items())
        ]
        yield f"        {' --> '.join(boxes)}"
        yield "    end"
    yield f"    {' --> '.join(LEGS)}"


def figure(leg: Document) -> str:
    """The three numbers of a leg."""
    return f"{leg['functions']} / {leg['files']} / {leg['calls']}"


def newest_rooms() -> list[str]:
    """The rooms that the newest measurement names."""
    figures = read_figures()
    newest = next((figures[column]["legs"] for column in reversed(COLUMNS) if column in figures), None)
    return sorted({room for leg in (newest or {}).values() for room in leg["rooms"]})
