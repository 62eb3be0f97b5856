"""`manage.py drawperformance`: the first screen of docs/performance.md from docs/performance.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand

from tradedesk.bench.figures import Document
from tradedesk.bench.published import PEER_FIGURES, PEERS, published
from tradedesk.bench.targets import TARGETS, Target
from tradedesk.env import BASE_DIR
from tradedesk.management.commands.drawkinds import replaced, table

START = "<!-- drawn by manage.py drawperformance -->"
PATH = BASE_DIR / "docs" / "performance.md"
#: Who was measured side by side, and what he does with an order.
WHO = {
    "bare_ib_async": "bare ib_async: stores and checks nothing",
    "nautilus_trader": "nautilus_trader's live node: stores nothing",
    "tradedesk": "Tradedesk: checked, recorded, followed",
}

SHORT = tuple(zip(PEER_FIGURES, ("to wire", "fill"), strict=True))


class Command(BaseCommand):
    """Nobody writes a figure by hand: a test compares the page with what this command writes."""

    help = "Write the first screen of docs/performance.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace what is between the marks."""
        PATH.write_text(redrawn(PATH.read_text()))
        self.stdout.write(f"wrote {PATH}")


def redrawn(text: str) -> str:
    """The page with the figures of the file."""
    return replaced(text, START, first_screen(published()))


def first_screen(found: Mapping[str, Document]) -> str:
    """Ours against the targets, then beside the peers as table and picture."""
    parts = [against_targets(found)] if found.keys() & TARGETS.keys() else []
    if PEERS in found:
        parts += [beside_peers(found[PEERS]), picture(found[PEERS]["found"])]
    return "\n\n".join(parts)


def against_targets(found: Mapping[str, Document]) -> str:
    """One row for each target that was measured."""
    rows = [
        row(target, found[kind]["targets"][target.name])
        for kind, targets in TARGETS.items()
        if kind in found
        for target in targets
    ]
    measured = "; ".join(
        f"`bench {kind} --runs {one['runs']}` of {one['at']}, load before {one['machine']['load_before']}"
        for kind, one in found.items()
        if kind in TARGETS
    )
    head = ("what", "median [least..most]", "target", "")
    return f"{table(head, rows)}\n\nMeasured by {measured}, on {machine(found)}."


def row(target: Target, told: Document) -> tuple[str, ...]:
    """A figure beside its target."""
    limit = f"at most {target.at_most:g}" if target.at_most is not None else f"at least {target.at_least:g}"
    verdict = "met" if told["met"] else f"**missed {told['times']:.2f} times**"
    return target.title, f"{told['median']:g} [{told['least']:g}..{told['most']:g}]", limit, verdict


def machine(found: Mapping[str, Document]) -> str:
    """The machine of the first kind that was measured."""
    one = next(iter(found.values()))["machine"]
    return f"{one['cores']} cores of {one['processor']}"


def beside_peers(told: Document) -> str:
    """Everybody's medians, one order at a time."""
    rows = [
        (WHO[name], *(f"{one[figure]['p50']:.1f} / {one[figure]['p99']:.1f}" for figure in PEER_FIGURES))
        for name, one in told["found"].items()
    ]
    head = ("side by side, one order at a time", "call to wire, p50 / p99 ms", "fill to known, p50 / p99 ms")
    return table(head, rows)


def picture(found: Mapping[str, Document]) -> str:
    """The same medians as bars."""
    names = [f'"{name} {short}"' for _, short in SHORT for name in found]
    heights = [f"{one[figure]['p50']:.2f}" for figure, _ in SHORT for one in found.values()]
    return f"""```mermaid
xychart-beta
    title "p50 in milliseconds: call to wire, then fill to known"
    x-axis [{", ".join(names)}]
    bar [{", ".join(heights)}]
```"""
