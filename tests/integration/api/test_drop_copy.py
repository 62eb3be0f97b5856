"""The drop copy: everything once, in order, resumable; by page, as a file, and by the stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from orders.models import EventKind, Order, OrderEvent
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, placed
from tests.integration.api.test_reports import executed

NOW = timezone.now()
pytestmark = pytest.mark.django_db(transaction=True)  # what is told is committed


def happened(order: Order, number: str, **changes: Any) -> None:
    """An execution and its event, as booking writes them."""
    one = executed(order, 0, exec_id=number, exec_root=number.partition(".")[0], **changes)
    OrderEvent.objects.create(
        **{"order_id": order.pk, "version": order.events.count() + 1, "kind": EventKind.EXECUTION},
        **{"to_state": "WORKING", "cum_qty": one.last_qty, "avg_px": one.last_px, "actor": "broker"},
        **{"at": NOW, "data": {"exec_id": number}},
    )


@pytest.fixture
def watcher(token: Callable[..., str]) -> Api:
    """Risk and compliance of one account: they may watch, nothing else."""
    return Api(token("watch", scopes=("audit",)))


def everything(watcher: Api, limit: int = 500) -> list[dict[str, Any]]:
    """All pages, as a reader that follows `next` sees them."""
    found, path = [], f"drop-copy?limit={limit}"
    while path:
        page = watcher.get(path).json()
        found += page["results"]
        path = (page["next"] or "").removeprefix("/api/v1/")
    return found


def names(messages: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(message["order_id"], message["version"]) for message in messages]


def test_trades_corrections_and_busts_are_told_once_each_in_order(watcher: Api) -> None:
    order = placed("a-1")
    for number, qty, px in (("1.01", 10, "201"), ("1.02", 10, "202"), ("2.01", 5, "201"), ("2.02", 0, "0")):
        happened(order, number, last_qty=qty, last_px=D(px))
    told = [message["execution"] for message in everything(watcher) if message["execution"]]
    assert [(one["exec_id"], one["exec_type"]) for one in told] == [
        ("1.01", "TRADE"),
        ("1.02", "TRADE_CORRECT"),
        ("2.01", "TRADE"),
        ("2.02", "TRADE_CANCEL"),
    ]
    assert (told[0]["last_px"], told[1]["last_px"]) == ("201", "202")  # what was told stays told


def test_pages_of_any_size_hold_every_event_of_the_accounts_once(watcher: Api) -> None:
    for number in range(3):
        placed(f"a-{number}")
        placed(f"hidden-{number}", account=OTHER)
    mine = OrderEvent.objects.filter(order__account=ACCOUNT).order_by("txid", "id")
    expected = [(str(event.order_id), event.version) for event in mine]
    assert [names(everything(watcher, limit)) for limit in (1, 2, 500)] == [expected] * 3


def test_who_stopped_reading_goes_on_after_the_last_and_misses_nothing(watcher: Api) -> None:
    first = placed("a-1")
    page = watcher.get("drop-copy").json()
    assert (names(page["results"]), page["next"]) == ([(str(first.pk), 1)], None)
    later = [placed(f"later-{number}") for number in range(3)]
    again = watcher.get("drop-copy", after=page["last"]).json()["results"]
    assert names(again) == [(str(order.pk), 1) for order in later]
    assert again == everything(watcher)[-3:]


def test_an_execution_of_mine_in_an_order_of_no_single_account_is_told(
    watcher: Api, token: Callable[..., str]
) -> None:
    order = placed("a-1")
    Order.objects.filter(pk=order.pk).update(account=None)
    happened(order, "1.01", account_id=ACCOUNT)
    happened(order, "2.01", account_id=OTHER)
    assert [one["execution"]["exec_id"] for one in everything(watcher)] == ["1.01"]
    firm = Api(token("firm", accounts=(ACCOUNT, OTHER), scopes=("audit",)))
    assert [one["kind"] for one in everything(firm)] == ["RECORDED", "EXECUTION", "EXECUTION"]


def test_a_file_of_a_day_has_the_pages_messages_and_says_where_it_ends(watcher: Api) -> None:
    order = placed("a-1")
    happened(order, "1.01")
    answer = watcher.get("drop-copy.ndjson", date=timezone.now().date().isoformat())
    *lines, end = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line) for line in lines] == everything(watcher)
    assert json.loads(end)["messages"] == len(lines)
    assert json.loads(end)["final"] is False  # the day goes on


def test_the_command_writes_the_same_file_for_the_accounts_that_it_is_asked_for(
    watcher: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    placed("a-1")
    placed("hidden", account=OTHER)
    day = timezone.now().date()
    call_command("dropcopy", date=day, accounts=ACCOUNT)
    answer = watcher.get("drop-copy.ndjson", date=day.isoformat())
    assert capsys.readouterr().out == b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="no account X"):
        call_command("dropcopy", date=day, accounts="X")


def test_a_day_that_is_over_is_final_and_without_what_came_after(watcher: Api) -> None:
    placed("a-1")
    day = (timezone.now() - timedelta(days=2)).date()
    answer = watcher.get("drop-copy.ndjson", date=day.isoformat())
    (end,) = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert json.loads(end) == {"end_of_day": day.isoformat(), "messages": 0, "final": True}


def test_only_the_scope_audit_opens_it_and_it_changes_nothing(api: Api, watcher: Api) -> None:
    for path in ("drop-copy", "drop-copy.ndjson?date=2026-01-02"):
        assert api.get(path).status_code == 403
        assert watcher.post(path.partition("?")[0], {}).status_code == 405
    assert watcher.get("orders").status_code == 403


def test_a_place_that_is_none_is_named(watcher: Api) -> None:
    queries = ({"after": "x"}, {"after": "99999999999999-1"}, {"limit": "0"}, {"a": "b"})
    assert [watcher.get("drop-copy", **query).json()["code"] for query in queries] == ["INVALID"] * 4
