"""Statements at the desk: who may read a file in, whose accounts it may hold, what is said of a bad one."""

from __future__ import annotations

from collections.abc import Callable

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from orders.models import Break, DeskProfile, Statement
from tests.integration.statements.conftest import flex, trade

Person = Callable[..., Client]
LOOKS = ("orders.view_order", "orders.view_statement")
READS = (*LOOKS, "orders.read_statement", "orders.view_break")


def send(client: Client, file: bytes) -> str:
    sent = SimpleUploadedFile("daily.xml", file)
    answer = client.post(reverse("desk:statements"), {"file": sent})
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_a_file_is_read_and_what_differs_is_shown_and_linked(person: Person) -> None:
    page = send(person(*READS, superuser=True), flex({"Trades": [("Trade", trade())]}))
    assert "1 row, 1 difference." in page
    assert "is not in our books" in page
    assert Break.objects.get().kind == "STATEMENT"
    assert Statement.objects.get().read_by.startswith("desk:")


def test_a_bad_file_is_refused_in_words_and_stores_nothing(person: Person) -> None:
    page = send(person(*READS, superuser=True), b"<html/>")
    assert "a statement begins with FlexQueryResponse. Nothing was stored." in page
    assert not Statement.objects.exists()


def test_who_only_looks_reads_nothing_in(person: Person) -> None:
    viewer = person(*LOOKS)
    assert viewer.get(reverse("desk:statements")).status_code == 200
    assert send(viewer, flex({})) == "403"


def test_statements_of_other_peoples_accounts_are_not_read(person: Person) -> None:
    reader = person(*READS)
    DeskProfile.objects.get(user_id=reader.session["_auth_user_id"]).accounts.clear()
    assert "not of yours" in send(reader, flex({"Trades": [("Trade", trade())]}))
    assert not Statement.objects.exists()
