"""`manage.py drawlifecycle`: write docs/order-lifecycle.md from the transitions and the reasons in code."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from brokers.fix import ORD_STATUS_PRECEDENCE, OrdStatus
from orders.models import DEAD, EXECUTED, RequestKind, State, ord_status
from orders.models.lifecycle import OrderLifecycle
from orders.models.ord_status import STANDINGS
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
GROUPS = {
    "Local": (State.CREATED,),
    "InFlight": (State.SENT, State.UNCONFIRMED),
    "Open": (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED),
    "Filled": EXECUTED,
    "Closed": DEAD,
}
REQUESTS = """Each is a row of its own with its own ClOrdID.

```mermaid
stateDiagram-v2
    [*] --> REQUESTED
    REQUESTED --> SENT: claimed
    REQUESTED --> ACCEPTED: the order had not left us
    SENT --> ACCEPTED: the broker shows it
    SENT --> REFUSED: an error of the broker
    SENT --> UNCONFIRMED: no answer, link lost, crash
    UNCONFIRMED --> ACCEPTED: a look shows the new terms
    UNCONFIRMED --> REQUESTED: two snapshots show the old terms, still fresh
    UNCONFIRMED --> REFUSED: the same, too old
    REQUESTED --> REFUSED: too old, or the order is over
```

- One ClOrdID names one thing of a client, for good: an order, a sliced order, a cancel or a replace. What
  comes second is refused (409), also when both come at the same moment (register `orders_usedid`).
- A refused request uses up only its own ClOrdID; the order goes on exactly as it was.
- One replace of an order is on the wire at a time; more wait in the order asked. A cancel goes out at
  once, and holds back every replace.
- Executions while a replace is open carry the old terms. A quantity not above what is executed cancels
  the balance: the order is FILLED with what it has.
- IB acknowledges a replace by echoing the order: the new terms in openOrder are the answer.
- A filled order is never raised: IB refuses it (104), and a gateway whose order ids began anew would take it
  for a new order. FIX lets a broker do it (C.1.c): the books can follow, and
  the adapter's capability `raises_filled` says whether we ask.
- More executed than was ever ordered is booked, the order is held and an alert raised; nothing is
  changed until a person releases it with a reason, or a bust takes it back.
- GTC and GTD orders outlive the day: `day_cum_qty` and `day_avg_px` are of the present trading day (of an
  order that is over: its last), `day_order_qty` is ordered less what was executed on earlier days. An
  evening session counts for the day on which it ends; a bust counts for the day of what it takes back.
- FILLED becomes COMPLETED with the last commission. One that lags more than `TRADEDESK_COMMISSION_GRACE`
  seconds marks the order `commission_missing` and raises an alert; it is booked whenever it comes."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """One transition: its name, where it leads from and to, what it says of itself."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    description: str


class Command(BaseCommand):
    """The picture cannot differ from the code: a test compares the file with what this command writes."""

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
        "An arrow between two boxes holds for some states of both; the table of transitions says which.",
        "## States",
        table(("state", "on the desk", "OrdStatus", "group", "meaning"), map(state_row, State)),
        "## Transitions",
        table(("move", "from", "to", "when"), map(move_row, moves())),
        "## Cancel and replace",
        REQUESTS,
        "## OrdStatus",
        "Of all that is true at the same time, the highest rank is shown (FIX order state changes).",
        table(("rank", "OrdStatus", "shown when"), precedence_rows()),
        "## Reasons",
        table(
            ("code", "meaning", "may help to send again", "what the desk does"),
            ((f"`{r.code}`", r.text, "yes" if r.retryable else "no", r.desk) for r in REASONS.values()),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def precedence_rows() -> list[tuple[str, ...]]:
    """OrdStatus by rank, highest first, with what makes each true."""
    ranked = sorted(ORD_STATUS_PRECEDENCE, key=lambda status: -ORD_STATUS_PRECEDENCE[status])
    return [(str(ORD_STATUS_PRECEDENCE[status]), status.value, shown_when(status)) for status in ranked]


def shown_when(status: OrdStatus) -> str:
    """The states, requests or words of the broker that make this status true."""
    kinds = [kind.value for kind in RequestKind if ord_status(State.CREATED, Decimal(0), [kind]) == status]
    if kinds:
        return f"a {kinds[0].lower()} is open"
    if status in STANDINGS:
        return "the broker says so, until it says otherwise"
    return ", ".join(state.value for state in State if ord_status(state, Decimal(0), ()) == status)


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
    description = " ".join((inspect.getdoc(method) or "").split())
    return Move(
        name=name,
        sources=tuple(sorted(transitions, key=order.index)),
        targets=tuple(targets),
        description=description,
    )


def picture(found: list[Move]) -> Iterable[str]:
    """A mermaid state diagram: a box for each group, one arrow for all moves between two of them."""
    inside: dict[tuple[str, str], list[str]] = {}
    between: dict[tuple[str, str], list[str]] = {}
    for move in found:
        for source, target in product(move.sources, move.targets):
            homes = group_of(source), group_of(target)
            arrows = inside if homes[0] == homes[1] else between
            names = arrows.setdefault((source, target) if arrows is inside else homes, [])
            if move.name not in names:
                names.append(move.name)
    yield "stateDiagram-v2"
    yield f"    [*] --> {group_of(State.CREATED)}"
    for name, states in GROUPS.items():
        yield f"    state {name} {{"
        yield from (f"        {state.value}" for state in states)
        for (source, target), names in inside.items():
            if group_of(source) == name and source != target:
                yield f"        {source} --> {target}: {', '.join(names)}"
        yield "    }"
    for (home, goal), names in between.items():
        yield f"    {home} --> {goal}: {', '.join(names)}"


def group_of(state: str) -> str:
    """The box that a state is drawn in."""
    return next(name for name, states in GROUPS.items() if state in states)


def state_row(state: State) -> tuple[str, ...]:
    """A state: word, OrdStatus, kind, meaning."""
    return (
        f"`{state.value}`",
        str(state.label),
        ord_status(state, Decimal(0), ()),
        group_of(state),
        MEANINGS[state],
    )


def move_row(move: Move) -> tuple[str, ...]:
    """A transition."""
    return f"`{move.name}`", ", ".join(move.sources), ", ".join(move.targets), move.description


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
