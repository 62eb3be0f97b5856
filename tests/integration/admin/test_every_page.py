"""Every page of the desk by its URL: it opens, and takes no query more for more rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from orders.controls.persons.tokens import make_token
from orders.models import Alert, Break, DeskJob, DeskProfile, Order, SlicedOrder
from tests.integration.admin.conftest import fill
from tests.integration.api.conftest import ACCOUNT
from tests.pages import every_url

pytestmark = pytest.mark.soak

NOW = timezone.now()
#: Made once for each installation, or with a key that is a name: their rows do not multiply.
ONCE = ("brokers.BrokerAccount", "brokers.GatewaySession")


def one_of_each() -> None:
    """A row of what the pages show, beside `fill`."""
    fill(3)
    seen = {"first_seen": NOW, "last_seen": NOW, "ours": {"qty": "1"}, "broker": {"qty": "2"}}
    Break.objects.create(session_id="main", kind="POSITION", key="k", account_id=ACCOUNT, **seen)
    raised = {"raised_at": NOW, "last_raised_at": NOW}
    Alert.objects.create(kind="SESSION", session_id="main", subject="s", **raised)
    make_token("algo", accounts=[ACCOUNT], scopes=["read"])
    order, owner = Order.objects.first(), User.objects.get(username="jo-1")
    assert order is not None
    DeskJob.objects.create(kind="PLACE", owner=owner, name="b.csv").rows.create(line=1, fields={})
    SlicedOrder.objects.create(
        client=owner,
        cl_ord_id="twap",
        account_id=ACCOUNT,
        session_id="main",
        instrument=order.instrument,
        ticket={"side": "BUY", "ord_type": "MARKET"},
        order_qty=10,
        slices=2,
        start_time=NOW,
        end_time=NOW + timedelta(hours=1),
        received_at=NOW,
    )


def multiply(times: int, name: str) -> None:
    """So many copies of the first row of every table of ours, told apart by what must be unique."""
    for model in [*apps.get_app_config("brokers").get_models(), *apps.get_app_config("orders").get_models()]:
        row = model._default_manager.first()
        if row is not None and model._meta.label not in ONCE:
            for number in range(times):
                copy(row, f"{name}{number}")
    for number in range(times):
        user = User.objects.create(username=f"{name}-{number}", is_staff=True)
        DeskProfile.objects.create(user=user).accounts.add(ACCOUNT)


def copy(row: Any, number: str) -> None:
    """One more row; what cannot be twice (a state of a scope, a seal of the chain) stays as it is."""
    meta = row._meta
    unique = {name for each in meta.total_unique_constraints for name in each.fields}
    for field in meta.concrete_fields:
        value = getattr(row, field.attname)
        if field.primary_key and isinstance(value, str):
            setattr(row, field.attname, f"{number}-{value}"[: field.max_length])
        elif field.primary_key:
            setattr(row, field.attname, uuid7() if isinstance(value, UUID) else None)  # never the first row
        elif (field.unique or field.name in unique) and isinstance(field, models.CharField):
            setattr(row, field.attname, f"{number}-{value}"[: field.max_length])
        elif (field.unique or field.name in unique) and isinstance(value, int) and not field.is_relation:
            setattr(row, field.attname, value + 1000)
    row._state.adding = True
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except (IntegrityError, ValueError, TypeError):
        return


def answers(
    client: Client, times: int = 1, at_most: Mapping[str, int] | None = None
) -> Iterator[tuple[str, HttpResponse, int]]:
    """The name of every page, its answer and the fewest queries that it took when asked so often in a row.

    In a row, because some things are remembered for a second: the next answer does not read them again. One
    that needs `at_most` so many is not asked again.
    """

    def first(model: type[models.Model]) -> Any:
        return model._default_manager.order_by("pk").values_list("pk", flat=True).first()

    for name, url in every_url(first).items():
        queries = []
        for _ in range(times):
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(url)
            queries.append(len(captured))
            if at_most and min(queries) <= at_most.get(name, 0):
                break
        assert answer.status_code < 500, name
        if answer.status_code == 200 and "text/html" in answer["Content-Type"]:
            yield name, answer, min(queries)


def test_no_page_takes_more_queries_for_more_rows(boss: Client, memories_last: None) -> None:
    one_of_each()
    multiply(2, "few")
    few = {name: queries for name, _, queries in answers(boss, times=2)}
    multiply(27, "many")
    many = {name: queries for name, _, queries in answers(boss, times=5, at_most=few)}
    assert len(few) > 60
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}


def test_no_page_of_a_hundred_rows_is_larger_than_200_kilobytes(boss: Client) -> None:
    one_of_each()
    Order.objects.update(state="PENDING", ord_type="LIMIT", price=200)  # a row with all of its buttons
    multiply(110, "many")
    sizes = {name: len(answer.content) for name, answer, _ in answers(boss)}
    assert len(sizes) > 60
    assert {name: size for name, size in sizes.items() if size > 200_000} == {}
