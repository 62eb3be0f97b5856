"""Changes of limits: each is kept, what loosens waits for a second person, a stale form undoes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from brokers.models import BrokerAccount, Instrument
from orders.controls.limits.limit_changes import (
    LimitsInvalid,
    LimitsMoved,
    Proposed,
    apply_due,
    propose_limits,
)
from orders.controls.persons.approvals import ApprovalOver, OwnApproval, approve, expire, reject
from orders.controls.persons.people import Actor, NotAllowed
from orders.models import AccountLimit, Approval, ApprovalState, LimitChange, ScopeLimit
from tests.integration.orders.conftest import seed_desk
from tests.integration.persons import person

ACCOUNT = "DU1234567"
SCOPE = f"account:{ACCOUNT}"


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> None:
    seed_desk(settings)
    LimitChange.objects.all().delete()


def change(values: dict[str, Any], *, scope: str = SCOPE, by: str = "alice", **how: Any) -> Proposed:
    return propose_limits(scope, values, actor=person(by), reason="asked by risk", **how)


def limit(name: str = "max_order_qty") -> Any:
    return getattr(AccountLimit.objects.get(account=ACCOUNT), name)


def test_what_tightens_is_in_force_at_once_with_its_row() -> None:
    made = change({"max_order_qty": "50"})
    row = LimitChange.objects.get()
    assert (limit(), made.approval) == (50, None)
    assert (row.scope, row.field, row.old, row.new) == (SCOPE, "max_order_qty", "10000", "50")
    assert (row.maker, row.reason, row.version) == (
        "desk:alice",
        "asked by risk",
        AccountLimit.objects.get().version,
    )


def test_what_loosens_waits_until_another_person_approves_it() -> None:
    approval = change({"max_order_qty": "20000", "max_open_orders": "5"}).approval
    assert approval
    assert (limit(), limit("max_open_orders")) == (10_000, 5)
    assert approval.diff == [{"what": f"{SCOPE} max_order_qty", "old": "10000", "new": "20000"}]
    with pytest.raises(OwnApproval):
        approve(approval.pk, actor=person("alice"), reason="mine")
    approve(approval.pk, actor=person("bob"), reason="fine")
    row = LimitChange.objects.get(field="max_order_qty")
    assert (limit(), row.approver) == (20_000, "desk:bob")
    with pytest.raises(ApprovalOver):
        approve(approval.pk, actor=person("carol"), reason="again")


def test_nobody_approves_what_a_token_did_that_he_answers_for() -> None:
    alice, robot = person("alice"), User.objects.create(username="robot")
    token = Actor(
        user=robot, name="client:robot", accounts=alice.accounts, scopes=alice.scopes, person=alice.user
    )
    approval = propose_limits(SCOPE, {"max_order_qty": 20_000}, actor=token, reason="x").approval
    assert approval
    with pytest.raises(OwnApproval):
        approve(approval.pk, actor=alice, reason="mine")
    with pytest.raises(OwnApproval):
        approve(approval.pk, actor=token, reason="mine")
    nobody = replace(token, user=User.objects.create(username="x"), person=None)
    with pytest.raises(NotAllowed, match="No person"):
        approve(approval.pk, actor=nobody, reason="no person")


def test_an_approval_whose_old_value_moved_changes_nothing() -> None:
    approval = change({"max_order_qty": "20000"}).approval
    assert approval
    change({"max_order_qty": "30"}, by="carol")
    with pytest.raises(ApprovalOver, match="is 30 now, not 10000"):
        approve(approval.pk, actor=person("bob"), reason="fine")
    approval.refresh_from_db()
    assert (limit(), approval.state) == (30, ApprovalState.REJECTED)


def test_rejected_and_expired_changes_are_never_applied() -> None:
    first, second = change({"max_order_qty": "20000"}).approval, change({"max_notional": "1e9"}).approval
    assert first
    assert second
    reject(first.pk, actor=person("bob"), reason="no")
    Approval.objects.filter(pk=second.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ApprovalOver, match="expired"):
        approve(second.pk, actor=person("bob"), reason="late")
    assert expire() == 1
    assert {row.outcome for row in LimitChange.objects.all()} == {"Not approved."}
    assert limit() == 10_000


def test_a_maker_who_left_has_nothing_approved() -> None:
    approval = change({"max_order_qty": "20000"}).approval
    assert approval
    User.objects.filter(username="alice").update(is_active=False)
    with pytest.raises(ApprovalOver, match="alice is not active"):
        approve(approval.pk, actor=person("bob"), reason="fine")


def test_a_form_read_before_the_last_change_is_refused_with_what_changed() -> None:
    seen = AccountLimit.objects.get().version
    change({"max_order_qty": "50"}, seen_version=seen)
    with pytest.raises(LimitsMoved, match="max_order_qty 10000 -> 50 by desk:alice"):
        change({"max_notional": "100"}, by="bob", seen_version=seen)
    assert limit("max_notional") == 5_000_000


def test_a_change_for_later_waits_for_its_time() -> None:
    later = timezone.now() + timedelta(hours=1)
    change({"max_order_qty": "50"}, from_when=later)
    approval = change({"max_notional": "6000000"}, from_when=later).approval
    assert approval
    approve(approval.pk, actor=person("bob"), reason="fine")
    assert apply_due() == 0
    LimitChange.objects.update(from_when=timezone.now())
    assert apply_due() == 2
    assert (limit(), limit("max_notional")) == (50, 6_000_000)


def test_a_change_for_later_is_given_up_when_the_limit_was_lowered_meanwhile() -> None:
    approval = change({"max_order_qty": "20000"}, from_when=timezone.now() + timedelta(hours=1)).approval
    assert approval
    approve(approval.pk, actor=person("bob"), reason="fine")
    change({"max_order_qty": "30"})
    LimitChange.objects.filter(applied_at=None).update(from_when=timezone.now())
    assert apply_due() == 0
    assert "changed meanwhile" in LimitChange.objects.get(new="20000").outcome


def test_a_change_past_the_services_leaves_a_row_too() -> None:
    AccountLimit.objects.update(max_order_qty=77)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_accountlimit SET refuse_self_trade = true, soft = '[\"max_notional\"]'")
    AccountLimit.objects.get().allowed_instruments.remove(Instrument.objects.get(symbol="AAPL"))
    kept = {row.field: (row.old, row.new) for row in LimitChange.objects.all()}
    assert kept["max_order_qty"] == ("10000", "77")
    assert kept["refuse_self_trade"] == ("no", "yes")
    assert kept["soft"] == ("", "max_notional")
    assert kept["allowed_instruments"][1] == ""
    assert all(row.maker.startswith("database:") for row in LimitChange.objects.all())


def test_the_first_limits_of_an_account_wait_and_those_of_a_strategy_hold_at_once() -> None:
    BrokerAccount.objects.create(code="DU9", session_id="main")
    first = change({"max_order_qty": "1", "max_notional": "1"}, scope="account:DU9")
    assert first.approval
    assert not AccountLimit.objects.filter(account="DU9").exists()
    change({"max_daily_orders": "9"}, scope="strategy:momentum")
    assert ScopeLimit.objects.get(scope="strategy:momentum").max_daily_orders == 9
    approve(first.approval.pk, actor=person("bob"), reason="fine")
    assert AccountLimit.objects.get(account="DU9").max_order_qty == 1


def test_allowed_instruments_are_limits_like_all_others() -> None:
    aapl, msft = (str(Instrument.objects.get(symbol=symbol).pk) for symbol in ("AAPL", "MSFT"))
    assert change({"allowed_instruments": [aapl]}).approval is None
    more = change({"allowed_instruments": [aapl, msft]}).approval
    assert more
    assert "MSFT" in more.diff[0]["new"]
    approve(more.pk, actor=person("bob"), reason="fine")
    assert AccountLimit.objects.get().allowed_instruments.count() == 2


@pytest.mark.parametrize(
    ("scope", "values", "said"),
    [
        (SCOPE, {"max_order_qty": ""}, "cannot be without"),
        (SCOPE, {"wish": "1"}, "no such limit"),
        (SCOPE, {"max_gross_notional": "5"}, "currency"),
        (SCOPE, {"allowed_instruments": ["999999"]}, "known instruments"),
        (SCOPE, {"allowed_instruments": ["a"]}, "known instruments"),
        ("account:DU0", {"max_order_qty": "1"}, "no account DU0"),
        ("user:nobody", {"max_order_qty": "1"}, "no user nobody"),
        ("session:main", {"max_order_qty": "1"}, "no limits"),
        ("strategy:" + "x" * 33, {"max_order_qty": "1"}, "strategy"),
        ("firm", {"any_instrument": "yes"}, "kind firm"),
        ("desk", {"max_order_qty": "1"}, "no scope"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(scope: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(LimitsInvalid, match=said):
        change(values, scope=scope)
    assert not LimitChange.objects.exists()


def test_a_person_changes_no_limits_beyond_the_accounts_that_are_his() -> None:
    someone = replace(person("x"), accounts=frozenset())
    for scope in (SCOPE, "firm", "strategy:momentum"):
        with pytest.raises(NotAllowed):
            propose_limits(scope, {"max_order_qty": "1"}, actor=someone, reason="x")


def test_a_desk_of_one_person_changes_limits_alone(settings: Any) -> None:
    settings.FOUR_EYES = frozenset()
    assert change({"max_order_qty": "20000"}).approval is None
    assert limit() == 20_000
