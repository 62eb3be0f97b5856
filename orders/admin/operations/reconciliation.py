"""Results of comparing our books with the broker's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from brokers.desk import NOTHING, moment, number
from orders.admin.shared.mixins import OwnAccounts
from orders.models import ReconciliationRun
from orders.templatetags.desk import verdict


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(OwnAccounts):
    """Runs, newest first; what differed is on the run's page."""

    paginator = InfinitePaginator
    account_path = "session__accounts"
    whole_session = True

    list_display = ("started", "kind", "session", "result", "found", "took", "counted", "error")
    list_select_related = ("session",)
    list_filter = (("kind", ChoicesDropdownFilter), ("session", RelatedDropdownFilter), "ok")
    fields = (("kind", "session", "result"), ("started", "took"), "counted", "differing", "error")

    @admin.display(description="started", ordering="started_at")
    def started(self, run: ReconciliationRun) -> SafeString:
        """When it began (UTC)."""
        return moment(run.started_at)

    @admin.display(description="result", ordering="ok")
    def result(self, run: ReconciliationRun) -> SafeString:
        """Whether both sides agree."""
        return verdict(run)

    @admin.display(description="differences")
    def found(self, run: ReconciliationRun) -> SafeString:
        """How many."""
        return number(len(run.differences))

    @admin.display(description="took")
    def took(self, run: ReconciliationRun) -> str:
        """How long it took."""
        return f"{(run.finished_at - run.started_at).total_seconds():.2f} s"

    @admin.display(description="compared")
    def counted(self, run: ReconciliationRun) -> str:
        """What was looked at."""
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in run.counts.items()) or NOTHING

    @admin.display(description="differences")
    def differing(self, run: ReconciliationRun) -> SafeString:
        """Both sides of each difference."""
        return as_table(run.differences)


def as_table(rows: list[Mapping[str, Any]]) -> SafeString:
    """Rows of JSON as a table with a column for every key that occurs."""
    if not rows:
        return format_html("{}", "None.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = format_html_join("", '<th scope="col">{}</th>', ((name.replace("_", " "),) for name in names))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (format_html_join("", "<td>{}</td>", ((row.get(name, NOTHING),) for name in names)),)
            for row in rows
        ),
    )
    return format_html('<table class="desk"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)
