"""Trading states: what is refused in which state, by which way in; who may set them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from brokers.models import Instrument, Position
from orders.models import AccountLimit, Order, ScopeState, ScopeStateChange, TradingState
from orders.store.states import put_state
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body


def put(scope: str, state: str, reason: str = "test") -> None:
    put_state(scope, TradingState(state), by="test", reason=reason)


def hold(quantity: int, symbol: str = "AAPL") -> None:
    """Have the broker report a position."""
    contract = Instrument.objects.get(symbol=symbol).con_id
    Position.objects.update_or_create(
        account_id=ACCOUNT,
        con_id=contract,
        defaults={
            **{"symbol": symbol, "sec_type": "STK", "currency": "USD", "avg_cost": 1},
            **{"position_qty": Decimal(quantity), "reported_at": timezone.now()},
        },
    )


def sell(quantity: object, name: str = "s-1", **more: Any) -> dict[str, Any]:
    return body(name, side="SELL", order_qty=str(quantity), **more)


def group(kind: str, *orders: dict[str, Any]) -> dict[str, Any]:
    return {"list_id": "g", "kind": kind, "orders": list(orders)}


def window() -> dict[str, Any]:
    return {"slices": 5, "end_time": (timezone.now() + timedelta(hours=1)).isoformat()}


# --- HALTED ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["firm", f"account:{ACCOUNT}", "strategy:one"])
def test_a_halted_scope_refuses_orders_and_says_which(api: Api, scope: str) -> None:
    put(scope, "HALTED", "fat finger")
    answer = api.post("orders", body(strategy="one"))
    assert (answer.status_code, answer.json()["code"]) == (422, "TRADING_HALTED")
    assert answer.json()["report"][0]["value"] == f"{scope} is HALTED: fat finger"
    assert answer.json()["order"]["state"] == "REJECTED"


@pytest.mark.parametrize("scope", [f"account:{OTHER}", "strategy:two", "session:elsewhere"])
def test_a_halt_of_another_scope_refuses_nothing(api: Api, scope: str) -> None:
    put(scope, "HALTED")
    assert api.post("orders", body(strategy="one")).status_code == 201


def test_a_halted_session_records_orders_that_wait(api: Api) -> None:
    put("session:main", "HALTED")
    assert api.post("orders", body()).json()["state"] == "CREATED"


@pytest.mark.parametrize("door", ["orders/bulk", "groups", "slices", "orders/preview"])
def test_every_way_in_refuses_in_a_halted_scope(api: Api, door: str) -> None:
    put("firm", "HALTED")
    bodies = {
        "orders/bulk": {"orders": [body()]},
        "groups": group("OCA", body(), body("a-2")),
        "slices": {**body(), **window()},
    }
    answer = api.post(door, bodies.get(door, body())).json()
    if door == "orders/preview":
        assert (answer["passed"], answer["checks"][0]["code"]) == (False, "TRADING_HALTED")
        return
    problem = answer["results"][0]["problem"] if door == "orders/bulk" else answer
    assert problem["code"] == "TRADING_HALTED"


def test_a_replace_is_refused_but_a_lower_quantity_passes_like_a_cancel(api: Api) -> None:
    order = api.post("orders", body()).json()
    put("firm", "HALTED")
    path, api.headers = f"orders/{order['id']}", {**api.headers, "If-Match": "*"}
    more = api.post(f"{path}/replace", {"cl_ord_id": "r-1", "order_qty": "150"}).json()
    dearer = api.post(f"{path}/replace", {"cl_ord_id": "r-2", "order_qty": "50", "price": "230"}).json()
    less = api.post(f"{path}/replace", {"cl_ord_id": "r-3", "order_qty": "50"}).json()
    assert [more["code"], dearer["code"]] == ["TRADING_HALTED"] * 2
    assert less["state"] == "ACCEPTED"
    assert api.post(f"{path}/cancel").status_code == 202


def test_the_strictest_state_of_an_order_counts(api: Api) -> None:
    put("firm", "REDUCING")
    put(f"account:{ACCOUNT}", "HALTED")
    hold(100)
    assert api.post("orders", sell(10)).json()["code"] == "TRADING_HALTED"


# --- REDUCING and reduce_only ---------------------------------------------------------------------------
REDUCING = pytest.mark.parametrize("how", ["state", "order"])


def reducing(how: str) -> dict[str, Any]:
    """Whether the state asks for it, or the order itself."""
    if how == "state":
        put(f"account:{ACCOUNT}", "REDUCING")
        return {}
    return {"reduce_only": True}


@REDUCING
@pytest.mark.parametrize(
    ("held", "side", "quantity", "passes"),
    [
        (100, "SELL", 100, True),
        (100, "SELL", 101, False),
        (100, "BUY", 1, False),
        (-100, "BUY", 100, True),
        (-100, "BUY", 101, False),
        (-100, "SELL", 1, False),
        (0, "BUY", 1, False),
        (0, "SELL", 1, False),
    ],
)
def test_only_what_shrinks_a_position_passes(
    api: Api, how: str, held: int, side: str, quantity: int, passes: bool
) -> None:
    hold(held)
    answer = api.post("orders", body(side=side, order_qty=str(quantity), **reducing(how)))
    assert answer.status_code == (201 if passes else 422)
    assert passes or answer.json()["code"] == "REDUCING_ONLY"


@REDUCING
def test_two_exits_cannot_turn_a_position(api: Api, how: str) -> None:
    hold(100)
    more = reducing(how)
    codes = [api.post("orders", sell(60, f"s-{n}", **more)).status_code for n in range(2)]
    assert codes == [201, 422]
    assert api.post("orders", sell(40, "s-3", **more)).status_code == 201


@REDUCING
def test_exits_of_one_bulk_count_among_themselves(api: Api, how: str) -> None:
    hold(100)
    more = reducing(how)
    answer = api.post("orders/bulk", {"orders": [sell(60, f"s-{n}", **more) for n in range(3)]})
    assert [row["status"] for row in answer.json()["results"]] == [201, 422, 422]


@REDUCING
def test_of_orders_that_end_each_other_the_largest_counts(api: Api, how: str) -> None:
    hold(100)
    more = reducing(how)
    pair = sell(100, "s-1", **more), sell(100, "s-2", price="300", **more)
    assert api.post("groups", group("OCA", *pair)).status_code == 201
    assert api.post("orders", sell(1, "s-3", **more)).status_code == 422


def bracket(*, entry_side: str = "BUY", exits: dict[str, Any] | None = None) -> dict[str, Any]:
    exit_side = "SELL" if entry_side == "BUY" else "BUY"
    return group(
        "BRACKET",
        body("e", side=entry_side),
        body("x-1", side=exit_side, price="300", **(exits or {})),
        body("x-2", side=exit_side, ord_type="STOP", price=..., stop_px="100", **(exits or {})),
    )


def test_working_exits_of_a_bracket_count_as_far_as_their_entry_has_executed(api: Api) -> None:
    hold(100)
    placed = api.post("groups", bracket())
    assert placed.status_code == 201, placed.content
    Order.objects.filter(cl_ord_id="e").update(cum_qty=60, state="PARTIALLY_FILLED")
    assert api.post("orders", sell(41, "s-1", reduce_only=True)).status_code == 422
    assert api.post("orders", sell(40, "s-2", reduce_only=True)).status_code == 201


def test_exits_of_a_new_bracket_may_say_that_they_only_reduce(api: Api) -> None:
    assert api.post("groups", bracket(exits={"reduce_only": True})).status_code == 201


def test_a_bracket_whose_exits_build_up_again_is_refused_while_reducing(api: Api) -> None:
    put(f"account:{ACCOUNT}", "REDUCING")
    hold(100)
    assert api.post("groups", bracket(entry_side="SELL")).json()["code"] == "REDUCING_ONLY"


def test_a_sliced_order_that_reduces_is_asked_whole(api: Api) -> None:
    hold(100)
    whole = {**sell(101, "p-1", reduce_only=True), **window()}
    assert api.post("slices", whole).json()["code"] == "REDUCING_ONLY"
    assert api.post("slices", {**whole, "cl_ord_id": "p-2", "order_qty": "100"}).status_code == 201
    assert api.post("orders", sell(1, reduce_only=True)).status_code == 422


@REDUCING
def test_a_replace_cannot_make_an_exit_larger_than_the_position(api: Api, how: str) -> None:
    hold(100)
    order = api.post("orders", sell(60, **reducing(how))).json()
    api.headers = {**api.headers, "If-Match": "*"}
    path = f"orders/{order['id']}/replace"
    assert api.post(path, {"cl_ord_id": "r-1", "order_qty": "101"}).json()["code"] == "REDUCING_ONLY"
    assert api.post(path, {"cl_ord_id": "r-2", "order_qty": "100"}).json()["state"] == "ACCEPTED"


def test_limits_hold_beside_the_state(api: Api) -> None:
    hold(20_000)
    put("firm", "REDUCING")
    AccountLimit.objects.update(max_order_qty=100)
    assert api.post("orders", sell(101)).json()["code"] == "QTY_ABOVE_LIMIT"


def test_the_preview_shows_that_only_reducing_orders_pass(api: Api) -> None:
    hold(100)
    put(f"account:{ACCOUNT}", "REDUCING")
    checks = api.post("orders/preview", body()).json()["checks"]
    assert {check["check"]: check["passed"] for check in checks if check["check"] != "max_order_qty"} == {
        **{"trading_state": True, "allowed_instruments": True, "max_notional": True},
        **{"reduce_only": False, "expected_wait": True},
    }


# --- setting --------------------------------------------------------------------------------------------
@pytest.fixture
def risk(token: Callable[..., str]) -> Api:
    """A token of the scope risk for all accounts."""
    return Api(token("risk", accounts=(ACCOUNT, OTHER), scopes=("read", "risk")))


def ask(scope: str, state: str = "HALTED", reason: str = "test") -> dict[str, str]:
    return {"scope": scope, "state": state, "reason": reason}


def test_a_state_is_set_shown_and_kept_with_who_and_why(risk: Api) -> None:
    answer = risk.post("trading-states", ask("strategy:one", reason="runs away"))
    assert answer.status_code == 200
    shown = {row["scope"]: row for row in risk.get("trading-states").json()["results"]}
    assert shown["strategy:one"] == answer.json()
    assert (answer.json()["set_by"], answer.json()["reason"]) == ("client:risk", "runs away")
    assert list(shown) == ["firm", f"account:{ACCOUNT}", f"account:{OTHER}", "session:main", "strategy:one"]
    risk.post("trading-states", ask("strategy:one", "ACTIVE", "fixed"))
    assert [(c.from_state, c.to_state, c.reason) for c in ScopeStateChange.objects.all()] == [
        ("HALTED", "ACTIVE", "fixed"),
        ("ACTIVE", "HALTED", "runs away"),
    ]


@pytest.mark.parametrize("scopes", [("read", "trade", "cancel"), ("read", "admin"), ("read",)])
def test_only_the_scope_risk_sets_a_state(token: Callable[..., str], scopes: tuple[str, ...]) -> None:
    answer = Api(token("x", scopes=scopes)).post("trading-states", ask(f"account:{ACCOUNT}"))
    assert answer.status_code == 403
    assert not ScopeState.objects.exists()


@pytest.mark.parametrize("scope", ["firm", "session:main", "strategy:one", f"account:{OTHER}"])
def test_nobody_sets_a_state_about_accounts_that_are_not_his(token: Callable[..., str], scope: str) -> None:
    answer = Api(token("risk", scopes=("read", "risk"))).post("trading-states", ask(scope))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "scope")
    assert not ScopeState.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "account:DU0"},
        {"scope": "session:nowhere"},
        {"scope": "user:algo"},
        {"scope": "desk"},
        {"scope": "account:"},
        {"scope": f"strategy:{'x' * 33}"},
        {"state": "PAUSED"},
        {"reason": ""},
        {"reason": "  "},
        {"reason": None},
    ],
    ids=str,
)
def test_what_is_no_scope_state_or_reason_is_refused(risk: Api, wrong: dict[str, Any]) -> None:
    answer = risk.post("trading-states", {**ask("firm"), **wrong})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, next(iter(wrong)))
    assert not ScopeState.objects.exists()


def test_a_state_is_seen_in_sessions_and_readiness(risk: Api) -> None:
    put("firm", "REDUCING", "loss")
    (session,) = risk.get("sessions").json()["results"]
    assert (session["state"], session["state_reason"]) == ("REDUCING", "firm is REDUCING: loss")
    put("session:main", "HALTED", "maintenance")
    (session,) = risk.get("sessions").json()["results"]
    assert session["state"] == "HALTED"
    check = Client().get("/readyz").json()["checks"]["trading_states"]
    assert check == {
        "ok": False,
        "reason": "firm is REDUCING: loss; session:main is HALTED: maintenance",
    }


def test_the_command_sets_and_shows_states(desk: None, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_superuser("jo", password="words-of-jo")
    with pytest.raises(CommandError, match="password of jo is needed"):
        call_command("tradingstate", "firm", "HALTED", "--by=jo", "--reason=drill")
    monkeypatch.setenv("TRADEDESK_PERSON_PASSWORD", "words-of-jo")
    call_command("tradingstate", "firm", "HALTED", "--by=jo", "--reason=drill")
    call_command("tradingstate")
    assert "firm  HALTED  drill" in capsys.readouterr().out
    assert ScopeState.objects.get().set_by == "shell:jo"
    with pytest.raises(CommandError):
        call_command("tradingstate", "firm", "ACTIVE", "--by=jo")
