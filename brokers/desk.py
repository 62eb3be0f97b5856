"""What the desk's lists share: read-only rows. How values look is in `brokers.display`."""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from brokers.display import NOTHING, moment, number, raw

__all__ = ["NOTHING", "LongListAdmin", "ReadOnlyAdmin", "moment", "number", "raw"]


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page to look at; the desk never edits what happened."""

    list_per_page = 100
    list_max_show_all = 0
    list_fullwidth = True
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes."""
        return False


class LongListAdmin(ReadOnlyAdmin):
    """For tables that grow without end: previous and next instead of a count of all rows."""

    paginator = InfinitePaginator
