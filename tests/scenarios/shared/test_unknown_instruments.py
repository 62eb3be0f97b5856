"""An instrument that nobody has ordered here yet: every way in asks the broker, with the same outcome."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from tradedesk.stack.clients import ACCOUNT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

FUTURE = {"symbol": "ES", "sec_type": "FUT", "exchange": "CME", "currency": "USD"}


def order(instrument: dict[str, str], **changes: str) -> dict[str, Any]:
    return {
        **{"cl_ord_id": f"unknown-{uuid.uuid4()}", "account": ACCOUNT, "instrument": instrument},
        **{"side": "BUY", "order_qty": "10", "ord_type": "LIMIT", "price": "1", **changes},
    }


@pytest.fixture
def desk(stack: System) -> Iterator[httpx.Client]:
    """The desk's first user, logged in."""
    with httpx.Client(base_url=stack.urls.http, timeout=60, trust_env=False, follow_redirects=True) as client:
        client.get("/admin/login/")
        password = (stack.options.data / "desk_password").read_text().strip()
        answer = desk_post(client, "/admin/login/", username="desk", password=password, next="/admin/")
        assert answer.status_code == 200 and "sessionid" in client.cookies
        yield client


def desk_post(client: httpx.Client, path: str, files: Any = None, **data: str) -> httpx.Response:
    token = client.cookies["csrftoken"]
    headers = {"Referer": str(client.base_url)}
    return client.post(path, data={**data, "csrfmiddlewaretoken": token}, files=files, headers=headers)


def upload(client: httpx.Client, *rows: dict[str, Any]) -> httpx.Response:
    """The preview of a basket of these orders."""
    flat = [{**row, **row["instrument"]} for row in rows]
    names = [name for name in flat[0] if name != "instrument"]
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in flat)]
    return desk_post(client, "/admin/desk/basket/", files={"file": ("b.csv", "\n".join(lines).encode())})


def group(*orders: dict[str, Any]) -> dict[str, Any]:
    return {"list_id": str(uuid.uuid4()), "kind": "OCA", "orders": orders}


def test_each_way_in_asks_the_broker_for_a_new_instrument(stack: System, desk: httpx.Client) -> None:
    assert stack.api.post("/orders", json=order({"symbol": "AMZN"})).status_code == 201
    for number, headers in enumerate([{}, {"Idempotency-Key": str(uuid.uuid4())}]):
        bulk = {"orders": [order({"symbol": ("INTC", "CSCO")[number]})]}
        answer = stack.api.post("/orders/bulk", json=bulk, headers=headers)
        assert answer.json()["summary"] == {"201": 1}, answer.text
    answer = stack.api.post("/groups", json=group(order({"symbol": "GILD"}), order({"symbol": "NFLX"})))
    assert answer.status_code == 201, answer.text

    row = order({"symbol": "KO"})
    preview = upload(desk, row)
    assert "good" in preview.text, preview.text
    job = preview.url.path.rstrip("/").rsplit("/", 1)[1]
    desk_post(desk, f"/admin/desk/basket/{job}/send/")
    eventually(lambda: "Recorded" in desk.get(f"/admin/desk/jobs/{job}/live/").text, limit=90)


def test_a_first_market_order_waits_for_the_price_of_its_instrument(stack: System) -> None:
    market = order({"symbol": "META"}, ord_type="MARKET")
    del market["price"]
    placed = stack.api.post("/orders", json=market)
    assert placed.status_code == 201, placed.text


def test_an_ambiguous_description_gives_the_same_words_and_candidates(
    stack: System, desk: httpx.Client
) -> None:
    alone = stack.api.post("/orders", json=order(FUTURE)).json()
    (result,) = stack.api.post("/orders/bulk", json={"orders": [order(FUTURE)]}).json()["results"]
    grouped = stack.api.post("/groups", json=group(order(FUTURE), order(FUTURE))).json()
    assert alone["code"] == "AMBIGUOUS_INSTRUMENT" and alone["candidates"]
    assert alone == result["problem"] == grouped
    shown = unescape(re.sub(r"\s+", " ", upload(desk, order(FUTURE)).text))
    assert alone["errors"][0]["message"] in shown
    assert all(one["local_symbol"] in shown for one in alone["candidates"])


def test_an_instrument_nobody_knows_is_refused_in_the_same_words(stack: System, desk: httpx.Client) -> None:
    nothing = {"symbol": "NOSUCHTHING"}
    alone = stack.api.post("/orders", json=order(nothing)).json()["errors"]
    (result,) = stack.api.post("/orders/bulk", json={"orders": [order(nothing)]}).json()["results"]
    orders = group(order(nothing), order({"symbol": "AAPL"}))
    grouped = stack.api.post("/groups", json=orders).json()["errors"]
    assert alone == result["problem"]["errors"]
    assert [error | {"field": "instrument.symbol"} for error in grouped] == alone
    assert alone[0]["message"] in unescape(upload(desk, order(nothing)).text)
