"""Statements from the Flex web service: asked for once, waited for, and the token seen by nobody else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokers.flex import Flex
from brokers.gate.daily_time import DailyTime
from orders.models import Alert, Order, Statement, StatementRequest
from orders.reconciliation.statements import fetching
from orders.reconciliation.statements.web_service import Answer, Service
from tests.integration.statements.conftest import flex, trade
from tests.integration.statements.flex_service import FlexService, refused
from tradedesk import env

TOKEN = "123456789012345678901234"
FILE = flex({"Trades": [("Trade", trade())]})


@pytest.fixture
def service(order: Order, settings: Any) -> Iterator[FlexService]:
    """The service, and our setting that names one query of it, due at any time of any day."""
    with FlexService() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        at = DailyTime(at=time(0), zone="UTC")
        settings.FLEX = Flex(queries={"daily": "42"}, at=at, url=server.url, token=TOKEN)
        fetching.again("daily")
        yield server
        server.shutdown()
        thread.join()


def step(times: int = 1) -> StatementRequest:
    """The next steps, each when its time has come."""
    for _ in range(times):
        StatementRequest.objects.update(not_before=fetching.clock.now(), asked_at=None)
        fetching.work()
    return StatementRequest.objects.get()


def test_a_statement_is_asked_for_once_waited_for_and_read(service: FlexService) -> None:
    service.answers = [service.accepted(), refused("1019", status="Warn"), FILE]
    assert step(3).state == "READ"
    assert [path for path, _, _ in service.asked] == ["SendRequest", "GetStatement", "GetStatement"]
    assert [said for _, said, _ in service.asked] == [
        {"t": TOKEN, "q": "42", "v": "3"},
        {"t": TOKEN, "q": "777", "v": "3"},
        {"t": TOKEN, "q": "777", "v": "3"},
    ]
    assert all(agent for _, _, agent in service.asked)
    assert Statement.objects.get().read_by == "system:flex"
    assert fetching.work() == 0


def test_two_requests_are_never_close_together_nor_taken_by_two_workers(service: FlexService) -> None:
    service.answers = [service.accepted()]
    assert [fetching.work() for _ in range(3)] == [1, 0, 0]
    StatementRequest.objects.update(not_before=fetching.clock.now())
    assert fetching.work() == 0  # its time has come, but another request was made just now


@pytest.mark.parametrize(
    ("code", "state", "minutes", "alerts"),
    [
        ("1001", "TO_ASK", 15, 0),
        ("1003", "TO_ASK", 60, 0),
        ("1009", "TO_ASK", 15, 0),
        ("1018", "TO_ASK", 1, 0),
        ("1012", "STOPPED", None, 1),
        ("1015", "STOPPED", None, 1),
        ("1014", "STOPPED", None, 1),
        ("1025", "TO_ASK", 240, 1),
        ("9999", "TO_ASK", 15, 0),
    ],
)
def test_each_code_of_the_service_is_answered_as_it_means(
    service: FlexService, code: str, state: str, minutes: int | None, alerts: int
) -> None:
    service.answers = [refused(code, "what it says")]
    row = step()
    assert (row.state, row.code, row.text) == (state, code, "what it says")
    if minutes:
        wait = row.not_before - fetching.clock.now()
        assert timedelta(minutes=minutes - 1) < wait <= timedelta(minutes=minutes)
    assert Alert.objects.filter(kind="STATEMENT").count() == alerts


@pytest.mark.parametrize(("code", "path"), [("1019", "GetStatement"), ("1017", "SendRequest")])
def test_what_is_being_made_is_waited_for_and_what_is_gone_is_asked_for_anew(
    service: FlexService, code: str, path: str
) -> None:
    service.answers = [service.accepted(), refused(code), service.accepted()]
    step(3)
    assert service.asked[-1][0] == path


def test_a_person_has_a_stopped_one_asked_for_again_and_success_ends_the_alert(service: FlexService) -> None:
    service.answers = [refused("1012"), service.accepted(), FILE]
    assert step().state == "STOPPED"
    assert fetching.work() == 0
    assert (fetching.again("daily"), fetching.again("nobody's")) == (True, False)
    assert step(2).state == "READ"
    assert not Alert.objects.filter(kind="STATEMENT", cleared_at=None).exists()


@pytest.mark.parametrize(
    "answer", [500, 302, b"<html>log in</html>", b"", b"<!DOCTYPE x []><FlexStatementResponse/>"]
)
def test_odd_answers_are_no_statement_and_are_tried_later(service: FlexService, answer: bytes | int) -> None:
    service.answers = [service.accepted(), answer]
    row = step(2)
    assert row.state in ("ASKED", "TO_ASK")
    assert row.not_before > fetching.clock.now()
    assert Statement.objects.count() == 0
    assert {path for path, _, _ in service.asked} == {"SendRequest", "GetStatement"}  # nobody was followed


@pytest.mark.parametrize(
    "place", ["http://evil.example/x", "https://interactivebrokers.com.evil.example/", "https://x@evil/"]
)
def test_the_token_goes_to_no_place_that_an_answer_makes_up(service: FlexService, place: str) -> None:
    service.answers = [service.accepted(url=place)]
    assert step().state == "STOPPED"
    assert Service(base=service.url, token=TOKEN)._is_trusted("https://gdcdyn.interactivebrokers.com/a")


def test_the_token_stands_in_no_row_log_or_text(
    service: FlexService, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    service.answers = [service.accepted(), 500, refused("1012", f"bad token {TOKEN}")]
    row = step(3)
    assert TOKEN not in f"{row.__dict__} {settings.FLEX}{caplog.text}{[a.text for a in Alert.objects.all()]}"
    dead = Service(base="http://127.0.0.1:1", token=TOKEN).ask("42")
    assert (dead.answer, TOKEN in str(dead)) == (Answer.UNREACHED, False)


def test_a_statement_that_is_hours_late_is_told_once(service: FlexService) -> None:
    service.answers = [refused("1003")]
    StatementRequest.objects.update(began_at=fetching.clock.now() - timedelta(hours=6))
    step(2)
    assert Alert.objects.get(kind="STATEMENT").times == 1


def test_of_a_query_only_the_newest_day_is_asked_for(service: FlexService) -> None:
    service.answers = [refused("1003")]
    yesterday = fetching.clock.now().date() - timedelta(days=1)
    old = StatementRequest.objects.create(query="daily", day=yesterday)
    fetching.work()
    old.refresh_from_db()
    weekend = fetching.clock.now().weekday() >= 5  # then no new day is asked for by itself
    assert (old.state, len(service.asked)) == ("TO_ASK" if weekend else "STOPPED", 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUERIES", "daily"), ("TOKEN", "short"), ("URL", "http://elsewhere/"), ("AT", "noon")],
)
def test_a_wrong_setting_stops_the_start_and_quotes_no_token(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for setting, right in (("QUERIES", "daily=42"), ("TOKEN", TOKEN)):
        monkeypatch.setenv(f"TRADEDESK_FLEX_{setting}", right)
    flex_settings = env.flex()
    assert flex_settings is not None
    assert TOKEN not in repr(flex_settings)
    monkeypatch.setenv(f"TRADEDESK_FLEX_{name}", value)
    with pytest.raises(ImproperlyConfigured, match=f"TRADEDESK_FLEX_{name}") as error:
        env.flex()
    assert TOKEN not in str(error.value)
