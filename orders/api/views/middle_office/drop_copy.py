"""Drop copy: replay by page, and a file of each day; the stream tells it as it happens."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from orders.api.base import ApiView, answer
from orders.api.problems import invalid
from orders.api.queries import day, paged, read_query
from orders.api.schema import orders as schema
from orders.entry.reading.fields import Field, Wrong, reads
from orders.errors import FieldError
from orders.models import Scope
from orders.reports import days, drop_copy
from orders.selectors import Cursor, newest_settled_event, parse_cursor

NDJSON = "application/x-ndjson"


@reads(type="string", pattern=r"^[0-9]{1,19}-[0-9]{1,19}$")
def place(raw: Any) -> Cursor:
    """The sequence of a message."""
    found = parse_cursor(raw)
    if found is None:
        raise Wrong("BAD_FORMAT", "This must be the sequence of a message, such as 9447-1.")
    return found


PAGE_FIELDS = {
    "after": Field(place, description="Go on after this sequence; 0-0, or nothing, starts at the first."),
    "limit": paged(place)["limit"],
}
DAY_FIELDS = {"date": Field(day, required=True, description="Day on which it was recorded, in UTC.")}


class CopiedExecutionShape(serializers.Serializer[Any]):
    """The execution that a message tells; its quantity and price are those of this version for good."""

    exec_id = serializers.CharField()
    exec_type = serializers.ChoiceField(
        (drop_copy.TRADE, drop_copy.TRADE_CORRECT, drop_copy.TRADE_CANCEL),
        help_text="TRADE_CORRECT: instead of an older version; TRADE_CANCEL: a bust.",
    )
    con_id = serializers.IntegerField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    last_qty = serializers.CharField()
    last_px = serializers.CharField()
    currency = serializers.CharField()
    venue = serializers.CharField()
    transact_time = serializers.DateTimeField()
    trade_date = serializers.DateField(allow_null=True)


class CopyShape(serializers.Serializer[Any]):
    """One thing that happened, with whose order it is."""

    sequence = serializers.CharField(help_text="Its place: go on after it.")
    account = serializers.CharField(allow_null=True, help_text="Null: an order of no single account.")
    order_id = serializers.UUIDField()
    cl_ord_id = serializers.CharField()
    order_ref = serializers.CharField()
    client = serializers.CharField(allow_null=True)
    strategy = serializers.CharField(allow_null=True)
    symbol = serializers.CharField()
    sec_type = serializers.CharField()
    currency = serializers.CharField()
    side = serializers.CharField()
    version = serializers.IntegerField(help_text="Counts the order's events without a gap.")
    kind = serializers.CharField()
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    cum_qty = serializers.CharField()
    avg_px = serializers.CharField()
    actor = serializers.CharField()
    text = serializers.CharField()
    # "data" is a member of every serializer, so it is added by name below.
    at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    execution = CopiedExecutionShape(allow_null=True)

    def get_fields(self) -> Any:
        """With what the event says beside its text."""
        return {**super().get_fields(), "data": serializers.DictField()}


class CopiesShape(serializers.Serializer[Any]):
    """A page of the drop copy, first to last."""

    results = CopyShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="The path of the next page.")
    last = serializers.CharField(help_text="Go on after this one, by page or by stream, when `next` is null.")


class DropCopy(ApiView):
    """Everything that happened to the orders of the token's accounts."""

    scopes = {"GET": Scope.AUDIT}
    has_query = True

    @extend_schema(
        operation_id="list_drop_copy",
        parameters=schema.parameters(PAGE_FIELDS),
        responses=schema.read(CopiesShape, 400, 403),
    )
    def get(self, request: Request) -> HttpResponse:
        """Messages in the order in which they were committed, each once."""
        asked = read_query(request.query_params, PAGE_FIELDS)
        after, limit = asked.get("after", Cursor(0, 0)), asked.get("limit", drop_copy.PAGE)
        if after > newest_settled_event():
            raise invalid([FieldError("after", "BEYOND", "There is no such place: begin anew at 0-0.")])
        page = drop_copy.page_after(after, drop_copy.scope_of(self.access.accounts), limit)
        following = f"{request.path}?after={page.place}&limit={limit}" if page.whole else None
        return answer({"results": page.messages, "next": following, "last": str(page.place)})


class DropCopyFile(ApiView):
    """A day of it as a file."""

    scopes = {"GET": Scope.AUDIT}
    has_query = True
    form = NDJSON

    @extend_schema(
        operation_id="export_drop_copy",
        parameters=schema.parameters(DAY_FIELDS),
        responses={(200, NDJSON): OpenApiTypes.STR, **schema.problems(400, 403)},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """A message a line; the last line counts them and says whether the day is over (`final`)."""
        when = read_query(request.query_params, DAY_FIELDS)["date"]
        if not days.may_be_reported(when):
            raise invalid([FieldError("date", "BEYOND", "This day has not begun anywhere yet.")])
        lines = drop_copy.day_lines(when, drop_copy.scope_of(self.access.accounts))
        headers = {
            "Content-Disposition": f'attachment; filename="drop-copy-{when}.ndjson"',
            "Cache-Control": "no-store",
        }
        return StreamingHttpResponse(lines, content_type=NDJSON, headers=headers)
