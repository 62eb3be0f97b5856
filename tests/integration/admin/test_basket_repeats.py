"""The same orders again: compared by what they ask for, sent only after a typed confirmation."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from orders.desk import jobs
from orders.models import DeskJob, Order
from tests.integration.admin.test_basket_files import GOOD, HEAD, changed, lines, upload, workbook
from tests.integration.admin.test_ticket import send as send_ticket
from tests.integration.api.conftest import placed

TWO = [GOOD, changed(symbol="MSFT")]


def preview(
    client: Client, *rows: list[str], head: list[str] = HEAD, end: bytes = b""
) -> tuple[str, DeskJob]:
    return upload(client, lines(head, *rows) + end), DeskJob.objects.latest("created_at")


def send(client: Client, job: DeskJob, typed: str = "") -> str:
    answer = client.post(reverse("desk:basket_send", args=[job.id]), {"typed": typed}, follow=True)
    jobs.work()
    return answer.content.decode()


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n,,,,,,\r\n"])
def test_the_same_basket_again_is_sent_only_after_it_was_typed(boss: Client, end: bytes) -> None:
    send(boss, preview(boss, *TWO)[1])
    page, again = preview(boss, *TWO, end=end)
    assert "2 of these 2 orders repeat" in page
    assert re.search(r"the same as basket b\.csv, sent \d+ s ago", page)
    assert "Type “2 again”" in send(boss, again)
    assert Order.objects.count() == 2
    send(boss, again, typed="2 again")
    assert Order.objects.count() == 4


@pytest.mark.parametrize(
    "row",
    [
        changed(order_qty="10.0", price="200.5"),
        changed(symbol="aapl", side="B", ord_type="LMT"),
        changed(time_in_force=""),
    ],
)
def test_a_row_is_the_same_however_it_is_spelled(boss: Client, row: list[str]) -> None:
    send(boss, preview(boss, GOOD)[1])
    assert "1 of these 2 orders repeats" in preview(boss, changed(symbol="IBM"), row)[0]


@pytest.mark.parametrize(
    "content",
    [
        lines(HEAD, *reversed(TWO)),
        lines(HEAD, *TWO, delimiter=";"),
        lines(HEAD, *TWO, delimiter="\t").decode().encode("utf-16"),
        workbook(HEAD, *([*row[:3], 10, "LMT", 200.5, "DAY"] for row in TWO)),
        lines([*HEAD, "exchange", "currency", "sec_type"], *([*row, "SMART", "USD", "STK"] for row in TWO)),
    ],
)
def test_a_file_of_another_form_is_the_same_basket(boss: Client, content: bytes) -> None:
    send(boss, preview(boss, *TWO)[1])
    assert "2 of these 2 orders repeat" in upload(boss, content)


@pytest.mark.parametrize(
    "cells", [{"order_qty": "11"}, {"price": "201"}, {"side": "SELL"}, {"symbol": "IBM"}]
)
def test_another_order_is_no_repeat(boss: Client, cells: dict[str, str]) -> None:
    send(boss, preview(boss, GOOD)[1])
    send(boss, preview(boss, changed(**cells))[1])
    assert Order.objects.count() == 2


def test_a_row_that_stands_twice_asks_for_a_confirmation(boss: Client) -> None:
    page, job = preview(boss, GOOD, GOOD)
    assert "line 3: the same as line 2 of this basket" in page
    send(boss, job)
    assert Order.objects.count() == 0


def test_a_single_order_of_the_same_content_asks_for_a_confirmation(boss: Client) -> None:
    send_ticket(boss, order_qty="10", price="200.50")
    page, job = preview(boss, GOOD)
    assert "the same as order desk-" in page
    send(boss, job)
    assert Order.objects.count() == 1


def test_what_was_refused_before_it_went_out_is_no_repeat(boss: Client) -> None:
    send(boss, preview(boss, GOOD)[1])
    Order.objects.update(state="FAILED")
    assert "repeat" not in preview(boss, GOOD)[0]


def test_an_order_of_long_ago_is_no_repeat(boss: Client, settings: object) -> None:
    placed("old")
    settings.REPEAT_HOURS = 0  # type: ignore[attr-defined]
    assert "repeat" not in preview(boss, changed(order_qty="100", price="229.95"))[0]


def test_ids_of_ones_own_make_a_second_sending_harmless(boss: Client) -> None:
    head, row = [*HEAD, "cl_ord_id"], [*GOOD, "mine-1"]
    send(boss, preview(boss, row, head=head)[1])
    page, again = preview(boss, row, head=head)
    assert "repeat" not in page
    assert (
        "Had been placed before"
        in send(boss, again) + boss.get(reverse("desk:job", args=[again.id])).content.decode()
    )
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_baskets_sent_at_once_one_needs_the_confirmation(boss: Client) -> None:
    previews = [preview(boss, GOOD)[1] for _ in range(2)]
    together, owner = Barrier(2), previews[0].owner

    def start(job: DeskJob) -> None:
        together.wait()
        try:
            jobs.start_basket(job.id, user=owner, typed="")
        except jobs.NotConfirmed:
            pass
        finally:
            connection.close()

    threads = [Thread(target=start, args=[job]) for job in previews]
    [each.start() for each in threads], [each.join() for each in threads]
    assert DeskJob.objects.filter(started_at=None).count() == 1


def test_a_right_that_is_taken_away_ends_what_is_left_of_a_basket(
    person: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 1)
    trader = person("orders.view_order", "orders.place_order", "orders.place_basket")
    basket = preview(trader, *TWO)[1]
    jobs.start_basket(basket.id, user=basket.owner, typed="")
    assert jobs._work_chunk() == 1
    basket.owner.user_permissions.clear()
    jobs.work()
    outcomes = list(basket.rows.order_by("line").values_list("outcome", flat=True))
    assert (outcomes[1], Order.objects.count()) == ("You may not do this any more; nothing was sent.", 1)
