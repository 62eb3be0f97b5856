"""What the desk's lists share: read-only rows. How values look is in `brokers.display`."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from brokers.display import NOTHING, moment, number, raw

__all__ = ["NOTHING", "DeskList", "LongListAdmin", "NamedList", "ReadOnlyAdmin", "moment", "number", "raw"]


class DeskList(ChangeList):
    """A list by the name of what is in it, not as a question to choose one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))


class NamedList(ModelAdmin):
    """Base of every list of the desk."""

    empty_value_display = NOTHING

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # type: ignore[override]
        """The list with its own name."""
        return DeskList


class ReadOnlyAdmin(NamedList):
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
