"""Every page of the desk, as its URLs say: a new one is walked by the tests without being named anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from orders.models import (
    Alert,
    Approval,
    Break,
    BreakFile,
    DayReport,
    DeskJob,
    InstrumentRestriction,
    KillSwitch,
    Order,
    OrderGroup,
    SavedView,
    SlicedOrder,
)

First = Callable[[type[Model]], Any]
#: What stands for each name in a URL: the newest row of a model, or a word.
NAMED: dict[str, type[Model] | str] = {
    "order_id": Order,
    "job_id": DeskJob,
    "parent_id": SlicedOrder,
    "break_id": Break,
    "group_id": OrderGroup,
    "file_id": BreakFile,
    "alert_id": Alert,
    "kill_id": KillSwitch,
    "approval_id": Approval,
    "report_id": DayReport,
    "view_id": SavedView,
    "row_id": InstrumentRestriction,
    "instrument_id": apps.get_model("brokers", "Instrument"),
    "name": "cancel",
    "act_name": "pause",
    "how": "approve",
    "what": "add",
    "kind": "csv",
    "form": "json",
    "account": "DU1234567",
    "con_id": "265598",
    "line": "1",
    "app_label": "orders",
}
#: What a page must be asked with to show anything.
ASKED = {"desk:limits_scope": "?scope=firm"}
#: Of Django's own, nothing to look at.
NO_PAGES = ("admin:view_on_site", "admin:jsi18n", "admin:autocomplete", "admin:logout", "admin:login")


def routes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name of each URL below /admin/, with the names of its parameters."""
    for pattern in get_resolver().url_patterns:
        if str(pattern.pattern).startswith("admin/") and isinstance(pattern, URLResolver):
            yield from below(pattern, pattern.namespace or "")


def below(resolver: URLResolver, space: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The same below one prefix."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from below(pattern, pattern.namespace or space)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{space}:{pattern.name}", tuple(pattern.pattern.regex.groupindex)


def every_url(first: First) -> dict[str, str]:
    """A URL of each route by its name; those whose rows are missing are left out."""
    found = {}
    for name, parameters in routes():
        if name in NO_PAGES:
            continue
        values = {each: value_of(name, each, first) for each in parameters}
        if None in values.values():
            continue
        try:
            found[name] = reverse(name, kwargs=values)
        except NoReverseMatch:
            found[name] = reverse(name, args=list(values.values()))
        found[name] += ASKED.get(name, "")
    return found


def value_of(name: str, parameter: str, first: First) -> Any:
    """What stands for a parameter; an unknown one must be named here."""
    if name.startswith("admin:") and parameter in ("object_id", "id", "key"):
        app, model, _ = name.removeprefix("admin:").split("_", 2)
        return first(apps.get_model(app, model))
    if name in ("desk:session_act", "desk:gateway") and parameter == "name":
        return first(apps.get_model("brokers", "GatewaySession"))
    assert parameter in NAMED, f"say in tests/pages.py what stands for <{parameter}> of {name}"
    known = NAMED[parameter]
    return known if isinstance(known, str) else first(known)
