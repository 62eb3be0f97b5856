"""`manage.py drawcontrols`: write docs/controls.md, the catalogue of controls, from the code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from orders.models.reasons import REASONS
from orders.risk.catalogue import CATALOGUE, FIELDS, LimitField
from tradedesk.controls_catalogue import CONTROLS, Control

HEAD = """# Controls

Drawn by `manage.py drawcontrols` (`make drawn`); a test compares. What each limit means for the desk:
[limits.md](limits.md).

15c3-5 is the market access rule of the SEC, RTS 6 the EU's rules for algorithmic trading (2017/589). Both
bind brokers and licensed firms; a broker's client is asked the same questions. This is no legal advice.

"""


class Command(BaseCommand):
    """The document cannot differ from the code: a test compares the file with what this command writes."""

    help = "Write docs/controls.md."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it anew."""
        path = document_path()
        path.write_text(document())
        self.stdout.write(f"wrote {path}")


def document_path() -> Path:
    """Where the document is."""
    return Path(settings.BASE_DIR) / "docs" / "controls.md"


def document() -> str:
    """Controls by what asks for them, then the catalogue of limits."""
    controls = "".join(section(control) for control in CONTROLS)
    return f"{HEAD}{controls}## The catalogue of limits\n\n{limits()}"


def section(control: Control) -> str:
    """One control."""
    lines = [f"## {control.name}\n", f"- Asked by: {control.asked_by}"]
    if control.limits:
        lines.append(f"- Rules: {', '.join(rule_text(FIELDS[name]) for name in control.limits)}")
    if control.setting:
        lines.append(f"- Set by: {control.setting}")
    lines += [f"- Test: `{test}`" for test in control.tests]
    if control.evidence:
        lines.append(f"- Evidence: {control.evidence}")
    if control.missing:
        lines.append(f"- Not covered: {control.missing}")
    return "\n".join(lines) + "\n\n"


def rule_text(limit: LimitField) -> str:
    """A limit with the code that it refuses with."""
    return f"`{limit.name}` ({limit.code})" if limit.code else f"`{limit.name}`"


def limits() -> str:
    """Every limit: its code, whom it may bind, what it means, what the desk does."""
    rows = [
        (
            f"`{one.name}`",
            f"`{one.code}`" if one.code else "",
            one.unit.value,
            ", ".join(sorted(scope.value for scope in one.scopes)),
            "one order" if one.per_order else "all that the scope does",
            "yes" if one.name in FIELDS["soft"].words else "no",
            one.description,
            REASONS[one.code].desk if one.code else "",
        )
        for one in CATALOGUE
    ]
    return table(
        ("limit", "refuses with", "in", "scopes", "asks", "may be soft", "means", "the desk then"), rows
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
