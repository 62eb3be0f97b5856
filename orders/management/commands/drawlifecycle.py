"""`manage.py drawlifecycle`: write docs/order-lifecycle.md from the transitions and the reasons in code."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from orders.models import ALIVE, AT_BROKER, DEAD, State, ord_status
from orders.models.lifecycle import OrderLifecycle
from orders.models.reasons import REASONS

MEANINGS = {
    State.CREATED: "valid and recorded, nothing has left us",
    State.SENT: 'committed as "may be at the broker"',
    State.UNCONFIRMED: "sent, no usable answer; being resolved with the broker",
    State.ACCEPTED: "acknowledged by the broker, not working yet",
    State.PENDING: "working at the exchange",
    State.PARTIALLY_FILLED: "some executed, the rest alive",
    State.FILLED: "all executed",
    State.COMPLETED: "filled, every execution has its commission and the sums agree",
    State.CANCELED: "dead by a cancel, perhaps with something executed",
    State.EXPIRED: "dead by its time in force, perhaps with something executed",
    State.REJECTED: "refused by our checks, the broker or the exchange",
    State.FAILED: "given up; as far as is proven it never reached the market",
}


@dataclass(frozen=True, kw_only=True)
class Move:
    """One transition: its name, where it leads from and to, what it says of itself."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    says: str


class Command(BaseCommand):
    """The picture can not differ from the code: a test compares the file with what this command writes."""

    help = "Write docs/order-lifecycle.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and name it."""
        path: Path = settings.BASE_DIR / "docs" / "order-lifecycle.md"
        path.write_text(document())
        self.stdout.write(f"Wrote {path}.")


def document() -> str:
    """The whole file."""
    parts = [
        "# Order lifecycle",
        "Generated from the code by `manage.py drawlifecycle`; changes by hand are lost.",
        "```mermaid\n" + "\n".join(picture(moves())) + "\n```",
        "## States",
        table(("state", "on the desk", "OrdStatus", "kind", "meaning"), map(state_row, State)),
        "## Transitions",
        table(("move", "from", "to", "when"), map(move_row, moves())),
        "## Reasons",
        table(
            ("code", "meaning", "may help to send again", "what the desk does"),
            ((f"`{r.code}`", r.text, "yes" if r.retryable else "no", r.desk) for r in REASONS.values()),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def moves() -> list[Move]:
    """Every transition, in the order in which the code declares them."""
    return [
        read_move(name, method)
        for name, method in vars(OrderLifecycle).items()
        if hasattr(method, "_django_fsm")
    ]


def read_move(name: str, method: Any) -> Move:
    """One transition as django-fsm keeps it."""
    transitions = method._django_fsm.transitions
    targets: dict[str, None] = {}
    for found in transitions.values():
        targets |= dict.fromkeys(map(str, getattr(found.target, "allowed_states", None) or [found.target]))
    order = [state.value for state in State]
    says = " ".join((inspect.getdoc(method) or "").split())
    return Move(
        name=name, sources=tuple(sorted(transitions, key=order.index)), targets=tuple(targets), says=says
    )


def picture(found: list[Move]) -> Iterable[str]:
    """A mermaid state diagram; moves between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in found:
        for source in move.sources:
            for target in move.targets:
                if source != target:
                    arrows.setdefault((source, target), []).append(move.name)
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.CREATED.value}"
    for (source, target), names in arrows.items():
        yield f"    {source} --> {target}: {', '.join(names)}"
    for state in (State.COMPLETED, *DEAD):
        yield f"    {state.value} --> [*]"


def state_row(state: State) -> tuple[str, ...]:
    """A state: word, OrdStatus, kind, meaning."""
    kind = (
        "at the broker"
        if state in AT_BROKER
        else "alive"
        if state in ALIVE
        else "dead"
        if state in DEAD
        else "filled"
    )
    return f"`{state.value}`", str(state.label), ord_status(state, Decimal(0), ()), kind, MEANINGS[state]


def move_row(move: Move) -> tuple[str, ...]:
    """A transition."""
    return f"`{move.name}`", ", ".join(move.sources), ", ".join(move.targets), move.says


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
