"""The ticket and baskets without a browser: what is refused, and that nobody trades for another's account."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook

from brokers.models import Instrument
from orders.desk import jobs
from orders.entry.reading.ticket_texts import by_column, texts_of_ticket, ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import AccountLimit, DeskJob, DeskProfile, Order, SlicedOrder
from tests.integration.api.conftest import ACCOUNT, OTHER

GOOD = {
    "account": ACCOUNT,
    "symbol": "aapl",
    "side": "buy",
    "order_qty": "1000",
    "ord_type": "LMT",
    "price": "229.95",
    "cl_ord_id": "t-1",
}


def test_a_ticket_is_what_a_person_means() -> None:
    ticket = ticket_from_texts(GOOD)
    assert (ticket.instrument.symbol, ticket.order_qty, ticket.ord_type) == ("AAPL", 1000, "LIMIT")


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "1e99", "x", "1.2.3", "０"])
def test_every_wrong_cell_is_named(wrong: str) -> None:
    with pytest.raises(TicketInvalid) as caught:
        ticket_from_texts({**GOOD, "order_qty": wrong, "side": "HOLD", "color": "red"})
    assert set(caught.value.errors) >= {"side", "color"}


@pytest.mark.parametrize(
    ("name", "text"), [("order_qty", "1,000"), ("order_qty", "1.000"), ("price", "1,234")]
)
def test_a_number_with_two_readings_is_refused_on_the_ticket(boss: Client, name: str, text: str) -> None:
    refused = send(boss, **{name: text})
    assert (refused.status_code, Order.objects.count()) == (400, 0)
    assert "where the point is the decimal sign and" in refused.content.decode()


def send(client: Client, **changes: str) -> Any:
    return client.post(reverse("desk:ticket_send"), {**GOOD, "cl_ord_id": "", "key": str(uuid4()), **changes})


def test_a_ticket_needs_its_right_and_an_account_of_ones_own(person: Callable[..., Client]) -> None:
    assert send(person("orders.view_order")).status_code == 403
    trader = person("orders.view_order", "orders.place_order")
    assert send(trader).status_code == 303
    DeskProfile.objects.get(user__username="jo-2").accounts.remove(OTHER)
    refused = send(trader, account=OTHER)
    assert (refused.status_code, Order.objects.count()) == (400, 1)
    assert "There is no such account." in refused.content.decode()


def test_the_same_key_with_other_terms_sends_nothing(boss: Client) -> None:
    key = str(uuid4())
    assert send(boss, key=key).status_code == 303
    assert send(boss, key=key, price="1.00").status_code == 409
    assert Order.objects.count() == 1


def upload(client: Client, content: bytes, name: str = "b.csv") -> str:
    answer = client.post(reverse("desk:basket"), {"file": SimpleUploadedFile(name, content)}, follow=True)
    return answer.content.decode()


HEAD = "account,symbol,side,order_qty,ord_type,price\n"


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (b"", "must name the columns"),
        (b"a,b\n1,2", "must name the columns"),
        (HEAD.encode(), "no rows"),
        (b"\xff\xff\x00", "cannot be read as CSV"),
        (b"PK\x03\x04rest", "cannot be read as a workbook"),
        ((HEAD + "x,x,x,1,x,1\n" * 1001).encode(), "more than 1,000 rows"),
        (b"x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_basket_is_refused_with_words(
    boss: Client, content: bytes, description: str
) -> None:
    assert description in upload(boss, content)
    assert not DeskJob.objects.exists()


def workbook(*rows: list[Any]) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_is_read_and_its_formulas_are_not(boss: Client) -> None:
    head = HEAD.strip().split(",")
    row = [ACCOUNT, "AAPL", "BUY", 5, "LIMIT", 229.95]
    assert "good" in upload(boss, workbook(head, row), "b.xlsx")
    assert "holds a formula" in upload(boss, workbook(head, [*row[:3], "=2+3", *row[4:]]), "c.xlsx")


def test_a_basket_is_worked_once_however_often_it_is_started(boss: Client) -> None:
    upload(boss, (HEAD + f"{ACCOUNT},AAPL,BUY,5,LIMIT,229.95\n{ACCOUNT},AAPL,BUY,5,LIMIT,0\n").encode())
    job = DeskJob.objects.get()
    assert jobs.work() == 0, "a preview sends nothing"
    for _ in range(2):
        boss.post(reverse("desk:basket_send", args=[job.id]))
        jobs.work()
    assert Order.objects.count() == 1
    assert job.rows.filter(ok=True).count() == 1


def test_a_basket_of_another_person_is_not_there(boss: Client, person: Callable[..., Client]) -> None:
    upload(boss, (HEAD + f"{ACCOUNT},AAPL,BUY,5,LIMIT,229.95\n").encode())
    job = DeskJob.objects.get()
    trader = person("orders.view_order", "orders.place_order", "orders.place_basket")
    assert trader.get(reverse("desk:job", args=[job.id])).status_code == 404
    assert trader.post(reverse("desk:basket_send", args=[job.id])).status_code == 404


def test_only_what_the_account_may_trade_is_offered(person: Callable[..., Client]) -> None:
    trader = person("orders.view_order", "orders.place_order")
    AccountLimit.objects.get(account=OTHER).allowed_instruments.set(Instrument.objects.filter(symbol="MSFT"))

    def offered(account: str, text: str) -> list[str]:
        answer = trader.get(reverse("desk:instruments"), {"q": text, "account": account})
        return [found["symbol"] for found in answer.json()["found"]]

    assert offered(ACCOUNT, "AAP") == ["AAPL"]
    assert offered(OTHER, "AAP") == []
    assert offered("DU0", "AAP") == []
    AccountLimit.objects.filter(account=OTHER).update(any_instrument=True)
    assert offered(OTHER, "AAP") == ["AAPL"]


def test_what_is_still_empty_is_listed(boss: Client) -> None:
    answer = boss.post(
        reverse("desk:ticket_check"), {"account": ACCOUNT, "symbol": "AAPL", "ord_type": "STOP"}
    )
    assert "Still to fill in: <strong>Side, Quantity, Stop</strong>" in answer.content.decode()


@pytest.mark.parametrize(
    ("legs", "words"),
    [
        ("1:1:BUY", "2 to 6 entries"),
        ("1 2", "is no leg: write for each leg con_id:ratio:side:exchange"),
        ("1:1:BUY 2:0:SELL", "1 ratio: "),
        ("1:1:BUY 2:1:MAYBE", "1 side: "),
        ("1:x:BUY 2:1:SELL", "0 ratio: "),
        ("1::BUY 2:1:SELL", "is no leg"),
    ],
)
def test_legs_that_are_none_are_refused_with_words(legs: str, words: str) -> None:
    with pytest.raises(TicketInvalid) as refused:
        ticket_from_texts({"legs": legs, "symbol": "A", "sec_type": "BAG", "side": "BUY"})
    assert words in " ".join(by_column(refused.value)["legs"])


def test_the_legs_of_a_combination_are_read_back_as_they_were_typed() -> None:
    texts = {
        "cl_ord_id": "c-1", "account": "A", "symbol": "AAPL,IBM", "sec_type": "BAG", "side": "BUY",
        "order_qty": "1", "ord_type": "LIMIT", "price": "0", "time_in_force": "DAY",
    }  # fmt: skip
    ticket = ticket_from_texts({**texts, "legs": "1:1:buy; 2:3:s:nyse"})
    assert texts_of_ticket(ticket)["legs"] == "1:1:BUY:SMART 2:3:SELL:NYSE"
    assert ticket_from_texts(texts_of_ticket(ticket)) == ticket


def ask(client: Client, **changes: str) -> str:
    form = {**GOOD, "cl_ord_id": "", "key": str(uuid4()), **changes}
    return client.post(reverse("desk:ticket_check"), form).content.decode()


BRACKET = {"work": "BRACKET", "take_profit": "240", "stop_loss": "220.5"}
OCA = {"work": "OCA", "other_side": "SELL", "other_type": "STOP", "other_stop_px": "200"}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (BRACKET, ["SELL 1,000 AAPL", "at 240.00", "stop 220.50", "its exits work"]),
        ({**BRACKET, "side": "sell_short"}, ["BUY 1,000 AAPL"]),
        (OCA, ["SELL 1,000 AAPL", "stop 200.00", "Cancel the others"]),
        ({**OCA, "other_qty": "10"}, ["SELL 10 AAPL"]),
    ],
)
def test_a_group_is_checked_and_shown_whole_before_it_is_sent(
    boss: Client, asked: dict[str, str], shown: list[str]
) -> None:
    page = ask(boss, **asked)
    assert "data-good" in page
    page = re.sub(r"<[^>]+>", "", page)
    assert [words for words in shown if words not in page] == []
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"work": "BRACKET"}, "take_profit"),
        ({**BRACKET, "stop_loss": "x"}, "stop_loss"),
        ({**BRACKET, "take_profit": "1,234"}, "take_profit"),
        ({**OCA, "other_stop_px": ""}, "other_stop_px"),
        ({**OCA, "other_qty": "1.000"}, "other_qty"),
        ({**OCA, "oca_type": "SOME"}, "oca_type"),
        ({**OCA, "time_in_force": "IOC"}, "time_in_force"),
        ({"work": "TWAP", "slices": "0", "end_time": "2999-01-01T00:00"}, "slices"),
        ({"work": "TWAP", "slices": "4"}, "end_time"),
        ({"work": "TWAP", "slices": "4", "end_time": "noon"}, "end_time"),
        ({"work": "TWAP", "slices": "4", "end_time": "2001-01-01T00:00"}, "end_time"),
        ({"work": "TWAP", "slices": "4", "end_time": "0001-01-01T00:00+23:59"}, "end_time"),
        ({"work": "MAGIC"}, "work"),
    ],
)
def test_what_is_wrong_with_the_way_of_working_is_said_at_its_field(
    boss: Client, asked: dict[str, str], field: str
) -> None:
    assert f'data-error-of="{field}"' in ask(boss, **asked)
    assert send(boss, **asked).status_code == 400
    assert not Order.objects.exists()


@pytest.mark.parametrize("asked", [BRACKET, OCA])
def test_a_group_is_sent_once_and_its_page_shows_all_of_it(boss: Client, asked: dict[str, str]) -> None:
    key = str(uuid4())
    first, again = send(boss, key=key, **asked), send(boss, key=key, **asked)
    assert (first.status_code, again["Location"]) == (303, first["Location"])
    orders = list(Order.objects.order_by("group_rank"))
    page = boss.get(first["Location"]).content.decode()
    assert len(orders) == (3 if asked is BRACKET else 2)
    assert [order.cl_ord_id for order in orders if f">{order.cl_ord_id}</a>" not in page] == []
    assert "Cancel whole group" in page


def test_a_groups_breach_is_told_before_and_refuses_all_of_it(boss: Client) -> None:
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=500)
    assert "Sent like this it is refused by the checks" in ask(boss, **BRACKET)
    send(boss, **BRACKET)
    assert set(Order.objects.values_list("state", flat=True)) == {"REJECTED"}


def test_a_whole_group_is_canceled_by_one_button(boss: Client) -> None:
    send(boss, **BRACKET)
    entry = Order.objects.get(group_rank=0)
    url = reverse("desk:act", args=[entry.pk, "cancel_group"])
    dialog = boss.get(url).content.decode()
    assert all(order.cl_ord_id in dialog for order in Order.objects.filter(group_rank__gt=0))
    boss.post(url, {"key": str(uuid4()), "reason": "no more"})
    assert set(Order.objects.values_list("state", flat=True)) == {"CANCELED"}


def test_an_order_in_slices_is_paused_resumed_and_canceled_on_its_page(boss: Client) -> None:
    end = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    twap = {"work": "TWAP", "slices": "4", "end_time": end}
    assert "In 4 slices from now" in ask(boss, **twap)
    key = str(uuid4())
    place = send(boss, key=key, **twap)["Location"]
    assert send(boss, key=key, **twap)["Location"] == place
    parent = SlicedOrder.objects.get()
    for act, state in (("pause", "PAUSED"), ("resume", "RUNNING"), ("cancel", "ENDING")):
        url = reverse("desk:sliced_act", args=[parent.pk, act])
        boss.post(url, {"key": str(uuid4()), "reason": "news at ten"})
        parent.refresh_from_db()
        assert parent.state == state
    page = boss.get(place).content.decode()
    assert "paused: news at ten" in page
    assert parent.cl_ord_id in boss.get(reverse("desk:sliced_list")).content.decode()


def test_slices_are_nobodys_who_has_not_the_account(boss: Client, person: Callable[..., Client]) -> None:
    end = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    place = send(boss, work="TWAP", slices="4", end_time=end)["Location"]
    viewer = person("orders.view_order")
    pause = reverse("desk:sliced_act", args=[SlicedOrder.objects.get().pk, "pause"])
    assert viewer.get(place).status_code == 200
    assert viewer.post(pause, {"key": str(uuid4()), "reason": "x"}).status_code == 403
    DeskProfile.objects.get(user__username="jo-2").accounts.clear()
    assert viewer.get(place).status_code == 404


MIXED = (
    HEAD
    + f"{ACCOUNT},AAPL,BUY,10,LIMIT,200\n{ACCOUNT},AAPL,HOLD,5,LIMIT,200\n{ACCOUNT},AAPL,SELL,4,LIMIT,2\n"
)


def test_a_basket_names_its_problems_first_with_totals_and_what_limits_say(boss: Client) -> None:
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=8)
    page = upload(boss, MIXED.encode())
    text = re.sub(r"<[^>]+>", " ", page)
    assert "2 rows with problems" in text
    assert page.index('id="line-3"') < page.index('id="line-4"')
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=1000, max_open_orders=1)
    page = upload(boss, MIXED.encode(), "again.csv")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert re.search(r"BUY 1 2,000\.00 USD SELL 1 [\d,.]+ USD", text)
    assert re.search(r"\d of them would be refused: [A-Z_]+", text)
    assert not Order.objects.exists()


def test_a_bad_row_of_a_basket_is_fixed_in_place_and_sent(boss: Client) -> None:
    page = upload(boss, MIXED.encode())
    job = DeskJob.objects.get()
    assert 'form="fix-3"' in page
    fix = reverse("desk:basket_fix", args=[job.pk, 3])
    still = boss.post(fix, {"side": "BUY", "order_qty": "x"}, follow=True).content.decode()
    assert "Line 3 is still not right." in still
    assert 'id="line-2"' not in still  # only rows with problems are shown
    good = boss.post(fix, {"side": "BUY", "order_qty": "5"}, follow=True).content.decode()
    assert "Line 3 is good now." in good
    assert job.rows.filter(errors={}).count() == 3
    boss.post(reverse("desk:basket_send", args=[job.pk]), {"typed": ""})
    jobs.work()
    assert Order.objects.count() == 3
    late = boss.post(fix, {"side": "SELL"}, follow=True).content.decode()
    assert "The basket was sent already; nothing was changed." in late


def test_nobody_fixes_anothers_basket_nor_takes_the_id_of_another_row(
    boss: Client, person: Callable[..., Client]
) -> None:
    upload(boss, MIXED.encode())
    job = DeskJob.objects.get()
    fix = reverse("desk:basket_fix", args=[job.pk, 3])
    trader = person("orders.view_order", "orders.place_order", "orders.place_basket")
    assert trader.post(fix, {"side": "BUY"}).status_code == 404
    first = job.rows.get(line=2).fields["cl_ord_id"]
    boss.post(fix, {"side": "BUY", "cl_ord_id": first})
    assert job.rows.get(line=3).errors == {"cl_ord_id": ["Stands in the file twice."]}
