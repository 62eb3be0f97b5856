"""What the desk refuses: in its own look, with the id of the request and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("desk")]


def test_a_refusal_says_what_to_do_and_names_the_request(person: Callable[..., Client]) -> None:
    viewer = person("orders.view_order")
    for url, status, words in (
        (reverse("desk:ticket"), 403, "You may not do this"),
        ("/admin/nowhere/at/all/", 404, "There is no such page"),
    ):
        answer = viewer.get(url, headers={"X-Request-ID": "abc-1"})
        page = answer.content.decode()
        assert answer.status_code == status
        assert words in page
        assert "Request abc-1" in page
        assert "desk/desk" in page


def test_a_form_without_its_token_is_refused_in_the_same_look(person: Callable[..., Client]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create(username="strict", is_staff=True, is_superuser=True))
    answer = strict.post(reverse("desk:ticket_send"), {})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_an_address_with_a_zero_byte_is_refused_in_words(person: Callable[..., Client]) -> None:
    viewer = person("brokers.view_position", "brokers.view_brokeraccount")
    for url in ("position/?account=%00", "position/?symbol=A%00", "brokeraccount/%00/change/"):
        answer = viewer.get(f"/admin/brokers/{url}")
        assert (answer.status_code, "is not understood" in answer.content.decode()) == (400, True), url
    assert viewer.get("/admin/brokers/position/?account=%2500").status_code == 200


def test_who_is_locked_out_is_told_for_how_long(client: Client, settings: object) -> None:
    for _ in range(7):
        tried = {"username": "jo", "password": "wrong"}
        answer = client.post("/admin/login/", tried, headers={"X-Request-ID": "abc-2"})
    assert answer.status_code == 429
    for words in ("desk/desk", "for 10 minutes", "tell operations", "Request abc-2"):
        assert words in answer.content.decode()
