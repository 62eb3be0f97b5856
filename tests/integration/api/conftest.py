"""A desk with two accounts, tokens for them, and a client that speaks the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import BrokerAccount
from orders.api import authentication
from orders.controls.persons.tokens import make_token
from orders.entry.limits.rules import rules_cache
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.models import Order, Source
from tests.seeded import ACCOUNT as ACCOUNT
from tests.seeded import OTHER as OTHER
from tests.seeded import desk_again, groups_again


@pytest.fixture(autouse=True)
def fresh_tokens() -> Iterator[None]:
    """Tokens and rules of another test are not remembered: a rollback brings back old editions too."""
    authentication.cache.clear()
    rules_cache._rules = None
    yield
    authentication.cache.clear()


@pytest.fixture
def groups(db: None) -> None:
    """The desk's groups as the migrations made them; the flush before the first test took them away."""
    groups_again()


@pytest.fixture
def desk(groups: None, settings: Any, tmp_path: Path) -> None:
    """The seeded rows, instruments resolved, and a second account with the same limits."""
    settings.DATA_DIR = tmp_path  # the first passwords are this test's alone
    desk_again(settings)


class Api:
    """The test client with a token, speaking JSON."""

    def __init__(self, token: str = "", **headers: str) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Token {token}"} if token else {}
        self.headers |= headers

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, content_type: str = "application/json") -> HttpResponse:
        data = b"" if body is None else body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.post(f"/api/v1/{path}", data, content_type=content_type, headers=self.headers)


@pytest.fixture
def token(desk: None) -> Callable[..., str]:
    """Make a token: token("algo", accounts=[...], scopes=[...])."""

    def make(
        user: str = "algo",
        accounts: tuple[str, ...] = (ACCOUNT,),
        scopes: tuple[str, ...] = ("read", "trade", "cancel"),
    ) -> str:
        rows = list(BrokerAccount.objects.filter(pk__in=accounts))
        return make_token(user, accounts=rows, scopes=list(scopes))

    return make


@pytest.fixture
def api(token: Callable[..., str]) -> Api:
    """A client of the first account with all it needs."""
    return Api(token())


def body(cl_ord_id: str = "a-1", **changes: Any) -> dict[str, Any]:
    """A limit order that passes every check."""
    order = {
        "cl_ord_id": cl_ord_id,
        "account": ACCOUNT,
        "instrument": {"symbol": "AAPL", "sec_type": "STK", "exchange": "SMART", "currency": "USD"},
        "side": "BUY",
        "order_qty": "100",
        "ord_type": "LIMIT",
        "price": "229.95",
    }
    return {name: value for name, value in {**order, **changes}.items() if value is not ...}


def placed(cl_ord_id: str, *, account: str = ACCOUNT, user: str = "algo", symbol: str = "AAPL") -> Order:
    """An order recorded by the service itself."""
    ticket = Ticket(
        cl_ord_id=cl_ord_id,
        account=account,
        instrument=InstrumentKey(symbol=symbol),
        side=Side.BUY,
        order_qty=Decimal(100),
        ord_type=OrdType.LIMIT,
        price=Decimal("229.95"),
    )
    client, _ = User.objects.get_or_create(username=user)
    return place_order(ticket, client=client, source=Source.API, received_at=timezone.now()).order


def is_utc_microseconds(text: str) -> bool:
    """ISO 8601, UTC, six decimals."""
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text) is not None
