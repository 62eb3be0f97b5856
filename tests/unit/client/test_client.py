"""The client against a real HTTP server that answers badly first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tradedesk_client import ApiError, NoAnswer, OrderRefused, Tradedesk
from tradedesk_client.retry import Patience
from tradedesk_client.stream import blocks, lines

ORDER = {
    "account": "DU1",
    "instrument": {"symbol": "AAPL"},
    "side": "BUY",
    "order_qty": "1",
    "ord_type": "MARKET",
}
QUICK = Patience(tries=4, pause=0.01, longest=0.02)


class Server:
    """Gives `answers` one after the other: (status, headers, body); None closes the connection."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.asked.append((self.command, self.path, headers, json.loads(raw) if raw else None))
                said = server.answers.pop(0)
                if said is None:
                    self.close_connection = True
                    return
                self.send_response(said[0])
                for name, value in {**said[1], "Content-Length": str(len(said[2]))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said[2])

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def said(status: int, document: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(document).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


@pytest.fixture
def desk(server: Server) -> Iterator[Tradedesk]:
    with Tradedesk(server.url, "secret", patience=QUICK) as client:
        yield client


def test_an_order_is_resent_under_one_id_until_answered(server: Server, desk: Tradedesk) -> None:
    server.answers = [None, said(503, {}), said(502, "busy"), said(201, {"id": "o-1"})]
    assert desk.place(ORDER).order == {"id": "o-1"}
    names = {body["cl_ord_id"] for _, _, _, body in server.asked}
    assert (len(server.asked), len(names)) == (4, 1)


def test_a_server_says_how_long_to_wait() -> None:
    answer = httpx.Response(429, headers={"Retry-After": "7"})
    assert Patience().before(0, answer) == 7
    assert 0 < Patience().before(0, None) <= 0.2


def test_what_is_definite_is_not_repeated(server: Server, desk: Tradedesk) -> None:
    server.answers = [said(409, {"code": "CL_ORD_ID_REUSED", "detail": "used"})]
    with pytest.raises(ApiError, match="CL_ORD_ID_REUSED") as error:
        desk.place(ORDER)
    assert (error.value.status, len(server.asked)) == (409, 1)


def test_a_refused_order_comes_with_its_report(server: Server, desk: Tradedesk) -> None:
    server.answers = [
        said(422, {"code": "QTY_ABOVE_LIMIT", "order": {"id": "o"}, "report": [{"check": "x"}]})
    ]
    with pytest.raises(OrderRefused) as error:
        desk.place(ORDER)
    assert (error.value.order, error.value.report) == ({"id": "o"}, [{"check": "x"}])


def test_patience_ends(server: Server, desk: Tradedesk) -> None:
    server.answers = [None] * QUICK.tries
    with pytest.raises(NoAnswer):
        desk.order("o-1")


def test_a_list_goes_over_all_pages(server: Server, desk: Tradedesk) -> None:
    server.answers = [
        said(200, {"results": [{"id": 2}], "next": "/api/v1/orders?cursor=x"}),
        said(200, {"results": [{"id": 1}], "next": None}),
    ]
    assert [row["id"] for row in desk.orders(symbol="AAPL")] == [2, 1]
    assert server.asked[1][1] == "/api/v1/orders?cursor=x"


def test_a_replace_names_the_version_that_was_read(server: Server, desk: Tradedesk) -> None:
    server.answers = [said(202, {"id": "r-1"})]
    desk.replace({"id": "o-1", "version": 4}, order_qty="5")
    assert server.asked[0][2]["if-match"] == '"4"'


def test_the_stream_goes_on_where_it_broke(
    server: Server, desk: Tradedesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradedesk_client.stream.PAUSE", 0.01)
    first = b'retry: 1000\nid: 1-0\n\nid: 1-1\nevent: order\ndata: {"version": 1}\n\nid: 1-2\nevent: ord'
    second = b': hi\n\nid: 1-2\nevent: order\ndata: {"version": 2}\n\n'
    server.answers = [
        said(200, {"stream": f"{server.url}/api/v1/stream"}),
        *((200, {}, body) for body in (first, second)),
    ]
    events = desk.events()
    assert [next(events).data["version"] for _ in range(2)] == [1, 2]
    assert [asked[2].get("last-event-id") for asked in server.asked[1:]] == [None, "1-1"]


def test_blocks_that_are_cut_off_are_dropped() -> None:
    assert [event.id for event in blocks(["id: 1", "event: order", "data: {}", "", "id: 2"])] == ["1"]


def test_a_cancel_is_resent_under_one_id_until_answered(server: Server, desk: Tradedesk) -> None:
    server.answers = [None, said(202, {"id": "r-1"})]
    assert desk.cancel("o-1") == {"id": "r-1"}
    names = [body["cl_ord_id"] for _, _, _, body in server.asked]
    assert len(names) == 2 and len(set(names)) == 1


def test_decimals_are_sent_as_plain_numbers(server: Server, desk: Tradedesk) -> None:
    server.answers = [said(201, {"id": "o-1"})]
    desk.place({**ORDER, "order_qty": Decimal("1E+2"), "price": Decimal("229.950")})
    assert (server.asked[0][3]["order_qty"], server.asked[0][3]["price"]) == ("100", "229.950")
    assert server.asked[0][2]["content-type"] == "application/json"


def test_filters_are_spelled_as_the_server_reads_them(server: Server, desk: Tradedesk) -> None:
    server.answers = [said(200, {"results": [], "next": None})]
    at = datetime(2026, 11, 29, 23, 30, tzinfo=timezone(timedelta(hours=1)))
    assert list(desk.orders(open=True, state=["SENT", "PENDING"], since=at, side=None)) == []
    asked = parse_qs(urlsplit(server.asked[0][1]).query)
    assert (asked["open"], asked["state"], asked["since"]) == (
        ["true"],
        ["SENT,PENDING"],
        ["2026-11-29T22:30:00Z"],
    )
    assert "side" not in asked


def test_a_time_without_its_zone_is_no_filter(desk: Tradedesk) -> None:
    with pytest.raises(ValueError, match="zone"):
        list(desk.orders(since=datetime.fromisoformat("2026-11-29")))


def test_a_line_of_the_stream_ends_at_a_line_feed_only() -> None:
    text = 'id: 1\nevent: order\ndata: {"text": "a\u2028b\x85c"}\n\n'
    assert [event.data["text"] for event in blocks(lines(text))] == ["a\u2028b\x85c"]
    assert list(lines(["a\r", "\nb\r\nc"])) == ["a", "b"]


def test_an_error_that_is_no_problem_document_is_told(server: Server, desk: Tradedesk) -> None:
    server.answers = [said(400, ["no"])]
    with pytest.raises(ApiError, match="no") as error:
        desk.order("o-1")
    assert error.value.status == 400
