"""Showing how far things are: a bar that moves on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Tells how many are done, and something about them.
Advance = Callable[[int, str], None]


@contextmanager
def stage(console: Console, title: str, total: int) -> Iterator[Advance]:
    """Show one stage of the work while the context lasts."""
    with (_bar if console.is_terminal else _lines)(console, title, total) as advance:
        yield advance


@contextmanager
def _bar(console: Console, title: str, total: int) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
        task = progress.add_task(title, total=total, note="")
        yield lambda done, note: progress.update(task, completed=done, note=note)


@contextmanager
def _lines(console: Console, title: str, total: int) -> Iterator[Advance]:
    """One line for each quarter that is done, however often one is told."""
    said = -1

    def advance(done: int, note: str) -> None:
        nonlocal said
        quarter = 4 * done // total if total else 4
        if quarter > said:
            said = quarter
            console.print(f"{title} {done}/{total} {note}".rstrip(), soft_wrap=True)

    yield advance


def tally(words: Iterable[str]) -> str:
    """How often each word occurs, most often first: "PENDING 3, SENT 1"."""
    return ", ".join(f"{word} {count}" for word, count in Counter(words).most_common())
