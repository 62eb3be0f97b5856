"""The dead man's switch of a token: silence cancels what its client has working, and refuses more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.api import authentication
from orders.controls.halts.dead_man import cancel_for_silent
from orders.controls.persons.tokens import make_token, revoke_token, rotate_token
from orders.models import Alert, ApiToken, AuditRecord, Order, SlicedOrder
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body

SCOPES = ["read", "trade", "cancel"]


@pytest.fixture
def client(desk: None) -> Callable[..., Api]:
    """A client whose token must beat."""

    def make(name: str = "algo", account: str = ACCOUNT, heartbeat: int | None = 30, **more: Any) -> Api:
        accounts = list(BrokerAccount.objects.filter(pk=account))
        return Api(make_token(name, accounts=accounts, scopes=SCOPES, heartbeat=heartbeat, **more))

    return make


def silence() -> None:
    """As if the time for the next beat were over."""
    ApiToken.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))


def states() -> dict[str, str]:
    return dict(Order.objects.values_list("cl_ord_id", "state"))


def test_without_a_beat_in_time_the_orders_of_the_client_are_canceled_and_no_others(
    client: Callable[..., Api],
) -> None:
    algo, other = client(), client("other", heartbeat=None)
    assert algo.post("heartbeat").json()["within"] == 30
    algo.post("orders", body("mine"))
    other.post("orders", body("not-mine"))
    assert cancel_for_silent("main") == 0
    silence()
    assert cancel_for_silent("main") == 1
    assert states() == {"mine": "CANCELED", "not-mine": "CREATED"}
    assert "does not beat" in Alert.objects.get(kind="DEAD_MAN").text
    assert Order.objects.get(cl_ord_id="mine").events.filter(actor="dead man").exists()


def test_a_silent_client_places_nothing_until_it_beats_again(client: Callable[..., Api]) -> None:
    algo = client()
    refused = algo.post("orders", body("before-the-first-beat"))
    assert (refused.status_code, refused.json()["code"]) == (409, "HEARTBEAT_MISSED")
    algo.post("heartbeat")
    algo.post("orders", body("alive"))
    silence()
    cancel_for_silent("main")
    assert algo.post("orders", body("silent")).status_code == 409
    assert algo.post("orders/bulk", {"orders": [body("bulk")]}).status_code == 409
    assert algo.get("tokens/self").json()["silent_since"]
    algo.post("heartbeat")
    assert algo.post("orders", body("again")).status_code == 201
    assert Alert.objects.get(kind="DEAD_MAN").cleared_at


def test_an_order_that_was_on_its_way_in_is_canceled_by_the_next_round(client: Callable[..., Api]) -> None:
    algo = client()
    algo.post("heartbeat")
    silence()
    cancel_for_silent("main")
    ApiToken.objects.update(due_at=timezone.now() + timedelta(seconds=9))
    algo.post("orders", body("late"))
    silence()
    assert cancel_for_silent("main") == 1
    assert states() == {"late": "CANCELED"}


def test_slices_end_and_no_more_come(client: Callable[..., Api]) -> None:
    algo = client()
    algo.post("heartbeat")
    until = (timezone.now() + timedelta(minutes=5)).isoformat()
    algo.post("slices", {**body("s"), "schedule": "TWAP", "slices": 5, "end_time": until})
    silence()
    cancel_for_silent("main")
    assert SlicedOrder.objects.get().state == "ENDING"


def test_of_a_token_with_a_strategy_only_its_orders_are_canceled(client: Callable[..., Api]) -> None:
    algo, free = client(strategy="mm"), client(heartbeat=None)
    algo.post("heartbeat")
    algo.post("orders", body("mm"))
    free.post("orders", body("by-hand"))
    silence()
    cancel_for_silent("main")
    assert states() == {"mm": "CANCELED", "by-hand": "CREATED"}


def test_orders_in_accounts_of_other_tokens_stay(client: Callable[..., Api]) -> None:
    algo, elsewhere = client(), client(account=OTHER, heartbeat=None)
    algo.post("heartbeat")
    elsewhere.post("orders", body("there", account=OTHER))
    silence()
    cancel_for_silent("main")
    assert states() == {"there": "CREATED"}


def test_a_client_arms_a_token_itself_and_can_end_it(client: Callable[..., Api]) -> None:
    algo = client(heartbeat=None)
    assert algo.post("heartbeat").json() == {"within": None, "due_at": None}
    assert algo.post("heartbeat", {"within": 10}).json()["within"] == 10
    assert algo.post("heartbeat").json()["within"] == 10
    assert algo.post("heartbeat", {"within": 0}).json()["within"] is None
    assert algo.post("heartbeat", {"within": 2}).status_code == 400


@pytest.mark.parametrize("within", [0, 31])
def test_what_the_maker_of_the_token_named_is_not_widened(client: Callable[..., Api], within: int) -> None:
    refused = client().post("heartbeat", {"within": within})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "BEYOND")


def test_after_a_rotation_the_successor_beats(client: Callable[..., Api]) -> None:
    algo = client()
    algo.post("heartbeat")
    algo.post("orders", body("kept"))
    new = Api(rotate_token(ApiToken.objects.get().token_key, by="test"))
    algo.post("heartbeat")  # with the old one, during the overlap
    authentication.cache.clear()
    assert ApiToken.objects.filter(due_at__isnull=False).count() == 1
    assert new.post("orders", body("more")).status_code == 201
    assert cancel_for_silent("main") == 0


def test_beats_leave_no_audit_record_and_silence_leaves_one(client: Callable[..., Api]) -> None:
    algo = client()
    algo.post("heartbeat")
    known = AuditRecord.objects.count()
    algo.post("heartbeat")
    assert AuditRecord.objects.count() == known
    silence()
    cancel_for_silent("main")
    assert AuditRecord.objects.filter(new__silent_since__isnull=False).exists()


def test_a_token_that_may_not_trade_cannot_arm_the_switch_of_its_client(client: Callable[..., Api]) -> None:
    accounts = list(BrokerAccount.objects.filter(pk=ACCOUNT))
    reader = Api(make_token("algo", accounts=accounts, scopes=["read"]))
    assert reader.post("heartbeat", {"within": 5}).status_code == 403


def test_during_the_overlap_of_a_rotation_both_tokens_live(client: Callable[..., Api]) -> None:
    algo = client()
    algo.post("heartbeat")
    authentication.cache.clear()
    rotate_token(ApiToken.objects.get().token_key, by="desk:boss")
    authentication.cache.clear()
    assert algo.post("orders", body("overlap")).status_code == 201


def test_a_revoked_token_is_silent_once_and_lets_other_tokens_go_on(client: Callable[..., Api]) -> None:
    algo, second = client(), client(heartbeat=None)
    algo.post("heartbeat")
    algo.post("orders", body("first"))
    revoke_token(ApiToken.objects.get(heartbeat_s=30).token_key, by="desk:boss")
    silence()
    cancel_for_silent("main")
    second.post("orders", body("second"))
    cancel_for_silent("main")
    assert states() == {"first": "CANCELED", "second": "CREATED"}
