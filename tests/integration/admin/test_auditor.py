"""The auditor's group: reads everything, the audit too, and changes nothing by any page or endpoint."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from brokers.models import BrokerAccount, GatewaySession
from orders.controls.persons.people import at_desk
from orders.controls.persons.tokens import make_token
from orders.models import Approval, KillSwitch, LimitChange, Order, OrderRequest, ScopeState
from tests.integration.api.conftest import ACCOUNT, Api, placed

pytestmark = pytest.mark.usefixtures("groups")
PAGES = (
    *("", "orders/order/", "desk/audit/", "desk/audit.csv", "desk/limits/", "desk/approvals/"),
    *("desk/trading-states/", "desk/restrictions/", "orders/apitoken/", "auth/user/", "orders/webhook/"),
    *("brokers/gatewaysession/", "orders/break/", "brokers/inboxmessage/", "orders/outboxcommand/"),
)
READS = ("orders", "audit", "limits", "positions", "executions", "trading-states", "sessions")


@pytest.fixture
def auditor(desk: None) -> User:
    user = User.objects.create_user("auditor", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    return user


@pytest.fixture
def page(auditor: User) -> Client:
    client = Client()
    client.force_login(auditor)
    return client


@pytest.fixture
def endpoint(auditor: User) -> Api:
    scopes = sorted(at_desk(auditor).scopes)
    assert scopes == ["audit", "read"]
    return Api(make_token("bot", accounts=BrokerAccount.objects.all(), scopes=scopes, person=auditor))


def test_an_auditor_reads_every_page_and_endpoint(page: Client, endpoint: Api) -> None:
    placed("a-1")
    assert {path: page.get(f"/admin/{path}").status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
    assert {path: endpoint.get(path).status_code for path in READS} == dict.fromkeys(READS, 200)


def test_an_auditor_changes_nothing_by_any_door(page: Client, endpoint: Api, auditor: User) -> None:
    order, session = placed("a-1"), GatewaySession.objects.get()
    desk = {
        "desk/kill/": {"scope": "firm", "action": "halt"},
        "desk/trading-states/": {"scope": "firm", "state": "HALTED"},
        f"desk/limits/scope/?scope=account:{ACCOUNT}": {"max_order_qty": "1", "version": "1"},
        f"desk/orders/{order.pk}/cancel/": {"version": "1"},
        f"desk/sessions/{session.pk}/pause/": {},
        "orders/apitoken/add/": {"username": "new", "accounts": [ACCOUNT], "scopes": ["read"]},
        f"auth/user/{auditor.pk}/change/": {"username": "auditor", "is_superuser": "on"},
    }
    for path, form in desk.items():
        assert page.post(f"/admin/{path}", {**form, "reason": "x"}).status_code in (303, 403), path
    for path in ("orders", f"orders/{order.pk}/cancel", "kill", "trading-states", "limit-changes", "tokens"):
        assert endpoint.post(path, {"reason": "x"}).status_code == 403, path
    made = (KillSwitch, ScopeState, LimitChange.objects.filter(maker=auditor), OrderRequest, Approval)
    assert [getattr(kind, "objects", kind).count() for kind in made] == [0, 0, 0, 0, 0]
    assert Order.objects.get().state == order.state
    assert not User.objects.filter(username="new").exists()
