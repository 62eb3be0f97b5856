"""Lists of many rows: every page by an index, whatever is asked; times, members, tags, CSV."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.fix import OrdStatus
from brokers.formats import time_text
from brokers.models import Instrument
from orders.models import Execution, Order
from orders.models.ord_status import STANDINGS
from orders.models.reasons import REASONS
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body, placed

ROWS = 12_000
COPY = "INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, generate_series(1, %s) AS n"


SIDE = "CASE WHEN n %% 2 = 0 THEN 'BUY' ELSE 'SELL' END"


def multiply(table: str, model: Any, **changed: str) -> None:
    """Copy the only row of a table ROWS times, some columns changed by SQL; then let PostgreSQL count."""
    names = [field.column for field in model._meta.concrete_fields if field.column != "id" or "id" in changed]
    values = [changed.get(name, f"{table}.{name}") for name in names]
    sql = COPY.format(table=table, columns=", ".join(names), values=", ".join(values))
    with connection.cursor() as cursor:
        cursor.execute(sql, [ROWS])
        cursor.execute(f"ANALYZE {table}")


@pytest.fixture
def many(token: Callable[..., str]) -> Api:
    """Orders of two accounts over a month, almost all completed, a few of them of other states."""
    order = placed("seed")
    other = Instrument.objects.get(symbol="MSFT").pk
    at = "now() - n * interval '90 seconds'"
    hexed = f"lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0')"
    multiply(
        "orders_order",
        Order,
        id=f"({hexed} || '7000' || lpad(to_hex(n), 16, '8'))::uuid",
        cl_ord_id="'n-' || n",
        order_ref="'ref-' || n",
        account_id=f"CASE WHEN n %% 3 = 0 THEN '{OTHER}' ELSE '{ACCOUNT}' END",
        instrument_id=f"CASE WHEN n %% 500 = 0 THEN {other} ELSE orders_order.instrument_id END",
        state="CASE WHEN n %% 400 = 0 THEN 'REJECTED' WHEN n %% 300 = 0 THEN 'PENDING' ELSE 'CANCELED' END",
        side=SIDE,
        recorded_at=at,
    )
    Execution.objects.create(
        order=order, account_id=ACCOUNT, exec_id="e", exec_root="e", con_id=order.instrument.con_id,
        side="BUY", last_qty=1, last_px=1, transact_time=timezone.now(), received_at=timezone.now(),
    )  # fmt: skip
    multiply("orders_execution", Execution, exec_id="'e-' || n", transact_time=at, side=SIDE)
    return Api(token(accounts=(ACCOUNT, OTHER)))


def explained(api: Api, path: str, query: dict[str, str], how: str) -> list[Any]:
    """What PostgreSQL tells of the queries of a request."""
    with CaptureQueriesContext(connection) as captured:
        answer = api.get(path, **query)
    assert answer.status_code == 200, answer.content
    plans = []
    with connection.cursor() as cursor:
        for asked in captured.captured_queries:
            if asked["sql"].startswith("SELECT") or asked["sql"].startswith("("):
                cursor.execute(f"{how} {asked['sql'].replace('%', '%%')}", [])
                plans += [row[0] for row in cursor.fetchall()]
    return plans


def scanned(api: Api, path: str, query: dict[str, str]) -> set[str]:
    """Big tables that the queries of a request read from end to end."""
    plans = explained(api, path, query, "EXPLAIN")
    big = ("orders_order", "orders_execution", "orders_orderevent")
    return {
        plan.strip() for plan in plans if "Seq Scan" in plan and f"{plan.split(' on ')[1]} ".split()[0] in big
    }


CHOICES: dict[str, list[str]] = {
    "account": [OTHER],
    "state": ["REJECTED", "PENDING,CREATED"],
    "ord_status": ["REJECTED", "CANCELED"],
    "symbol": ["MSFT"],
    "side": ["BUY"],
    "open": ["true", "false"],
    "cl_ord_id": ["n-77"],
    "strategy": ["momentum"],
    "reduce_only": ["true"],
    "since": ["2026-11-01T00:00:00Z"],
}


def test_no_filter_reads_the_whole_table(many: Api) -> None:
    cursor = many.get("orders", limit="1").json()["results"][0]["id"]
    pairs = [*itertools.combinations(CHOICES, 2), *itertools.combinations(CHOICES, 1), ()]
    for names in pairs:
        for values in itertools.product(*(CHOICES[name] for name in names)):
            query = {**dict(zip(names, values, strict=True)), "cursor": cursor}
            assert scanned(many, "orders", query) == set(), query


def test_times_are_asked_only_of_rows_near_their_ends(many: Api) -> None:
    now = timezone.now()
    times = {"since": time_text(now - timedelta(days=9)), "until": time_text(now - timedelta(days=2))}
    query = {**times, "state": "CANCELED", "limit": "50"}
    plans = explained(many, "orders", query, "EXPLAIN (ANALYZE, COSTS OFF)")
    looked = [line for line in plans if "on orders_order orders_order_1" in line]
    assert looked and float(looked[0].partition("loops=")[2].rstrip(")")) < 4 * 7  # a row in 90 seconds


def test_the_broker_status_is_not_queried_for_every_order(many: Api) -> None:
    for status in STANDINGS:
        query = {"ord_status": status, "side": "BUY", "limit": "50"}
        plans = explained(many, "orders", query, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)")
        roots = [plan[0]["Plan"] for plan in plans]
        read = sum(root["Shared Hit Blocks"] + root["Shared Read Blocks"] for root in roots)
        assert read < ROWS / 8, status


def test_orders_are_found_by_what_the_broker_says_beside_the_state(many: Api) -> None:
    chosen = Order.objects.filter(account=OTHER, side="BUY", state="PENDING").order_by("-id")[:5]
    Order.objects.filter(pk__in=[order.pk for order in chosen]).update(standing="STOPPED")
    Order.objects.filter(account=OTHER, side="SELL").update(standing="STOPPED")
    query = {"ord_status": "STOPPED", "side": "BUY", "open": "true"}
    found = many.get("orders", **query, limit="3").json()
    more = many.get("orders", **query, cursor=found["results"][-1]["id"]).json()
    shown = [row["id"] for row in [*found["results"], *more["results"]]]
    assert shown == [str(order.id) for order in chosen]


def test_an_unknown_symbol_gives_no_orders_of_any_status(api: Api) -> None:
    placed("a-1")
    for status in OrdStatus:
        assert api.get("orders", ord_status=status, symbol="NONE").json()["results"] == []


def test_no_filter_of_executions_reads_the_whole_table(many: Api) -> None:
    for query in (
        {},
        {"since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z", "side": "SELL"},
        {"account": ACCOUNT},
        {"symbol": "AAPL"},
        {"symbol": "AAPL", "side": "SELL"},
        {"cursor": "9000"},
    ):
        assert scanned(many, "executions", query) == set(), query


def test_pages_of_several_accounts_are_one_list_without_gap(many: Api) -> None:
    whole = list(Order.objects.filter(state="REJECTED").order_by("-id").values_list("id", flat=True))
    found, path = [], "/api/v1/orders?state=REJECTED&limit=20"
    while path:
        page = many.client.get(path, headers=many.headers).json()
        found += [row["id"] for row in page["results"]]
        path = page["next"]
    assert found == [str(order_id) for order_id in whole]
    assert len(found) == ROWS // 400


def test_times_select_by_the_record(api: Api) -> None:
    first, second = placed("a-1"), placed("a-2")
    first.refresh_from_db()
    second.refresh_from_db()
    assert second.recorded_at
    at = time_text(second.recorded_at)
    names = lambda **query: [row["cl_ord_id"] for row in api.get("orders", **query).json()["results"]]  # noqa: E731
    assert names(since=at) == ["a-2"]
    assert names(until=at) == ["a-1"]
    assert names(since=time_text(timezone.now() + timedelta(hours=1))) == []


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T10:00:00+01:00"]
)
def test_a_time_is_utc(api: Api, time: str) -> None:
    assert api.get("orders", since=time).json()["errors"][0]["field"] == "since"


def test_only_the_members_that_are_wanted(api: Api) -> None:
    placed("a-1")
    assert api.get("orders", fields="cl_ord_id,state").json()["results"] == [
        {"cl_ord_id": "a-1", "state": "CREATED"}
    ]
    assert api.get("orders", fields="cl_ord_id,password").json()["errors"][0]["field"] == "fields"


def test_what_has_not_changed_is_304(api: Api) -> None:
    order = placed("a-1")
    for path in (f"orders/{order.id}", "orders", "positions", "reasons"):
        first = api.get(path)
        again = api.client.get(
            f"/api/v1/{path}", headers={**api.headers, "If-None-Match": f'"x", {first["ETag"]}'}
        )
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_the_tag_of_an_order_follows_its_version(api: Api) -> None:
    order = placed("a-1")
    before = api.get(f"orders/{order.id}")["ETag"]
    api.post(f"orders/{order.id}/cancel")
    after = api.get(f"orders/{order.id}")["ETag"]
    assert before.startswith('"1-')
    assert not after.startswith('"1-')


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_orders_are_exported_as_csv_with_the_same_filters(api: Api) -> None:
    placed("a-1")
    placed("b-1", symbol="MSFT")
    placed("hidden", account=OTHER)
    answer = api.get("orders.csv", symbol="MSFT")
    assert answer["Content-Type"].startswith("text/csv")
    (row,) = rows(answer)
    assert (row["cl_ord_id"], row["instrument.symbol"], row["reason.code"]) == ("b-1", "MSFT", "")
    assert list(row)[:5] == ["id", "cl_ord_id", "current_cl_ord_id", "replaced_by", "order_ref"]
    assert list(row).index("trail_amount") > list(row).index("time_in_force")
    assert rows(api.get("orders.csv", fields="cl_ord_id")) == [{"cl_ord_id": "b-1"}, {"cl_ord_id": "a-1"}]


@pytest.mark.parametrize("text", ["=1+1", "+1-x", "@SUM(A1)", "-2+3"])
def test_a_formula_in_an_export_is_quoted_and_a_number_is_not(api: Api, text: str) -> None:
    placed(text)
    placed("-5")
    found = rows(api.get("orders.csv", fields="cl_ord_id"))
    assert [row["cl_ord_id"] for row in found] == ["-5", f"'{text}"]


def test_an_export_goes_over_all_pages(many: Api) -> None:
    found = rows(many.get("orders.csv", fields="cl_ord_id", side="SELL", account=OTHER))
    assert len({row["cl_ord_id"] for row in found}) == len(found) == ROWS // 6
    since = time_text(timezone.now() - timedelta(seconds=90 * 1200))
    assert len(rows(many.get("executions.csv", fields="exec_id", since=since))) in (1200, 1201)


def test_the_registry_of_reasons_is_public(api: Api) -> None:
    found = api.get("reasons").json()["results"]
    assert {reason["code"] for reason in found} == set(REASONS)
    assert found[0].keys() == {"code", "text", "retryable", "desk"}


def test_a_wait_that_is_not_understood_is_ignored(api: Api) -> None:
    headers = {**api.headers, "Prefer": "wait=soon, respond-async"}

    answer = api.client.post(
        "/api/v1/orders", json.dumps(body()), content_type="application/json", headers=headers
    )
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer


@pytest.mark.parametrize("name", ["wait", "Wait"])  # RFC 7240: a preference's name has no case
def test_a_wait_ends_when_its_time_is_over(api: Api, name: str) -> None:
    headers = {**api.headers, "Prefer": f"{name}=1"}
    answer = api.client.post(
        "/api/v1/orders", json.dumps(body()), content_type="application/json", headers=headers
    )
    assert (answer.status_code, answer["Preference-Applied"]) == (201, "wait=1")
    assert answer.json()["state"] == "CREATED"
