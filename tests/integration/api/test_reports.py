"""Executions as files and the cost of trading, by the API."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, time, timedelta
from decimal import Decimal as D
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from brokers.gate.daily_time import DailyTime
from brokers.models import BrokerAccount, CashBalance, Instrument, Position
from orders.models import Alert, Break, DayReport, Execution, Order, ReportKind
from orders.models.middle_office.statement import Statement
from orders.reports import tables
from orders.reports.cost import keep
from orders.reports.daily import report_day
from orders.reports.daily.kept import ReportSigned, hash_of, make_due, sign
from orders.reports.daily.kept import keep as keep_report
from orders.reports.fills import SUM_COLUMNS
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, body


def today() -> date:
    """Asked when a test runs: a run may go on over midnight."""
    return timezone.now().date()


def yesterday() -> date:
    return today() - timedelta(days=1)


def executed(order: Order, number: int, **changes: Any) -> Execution:
    facts: dict[str, Any] = {
        **{
            "order": order,
            "account_id": order.account_id,
            "exec_id": f"{number}.01",
            "exec_root": str(number),
        },
        **{"con_id": 1, "symbol": "AAPL", "currency": "USD", "side": order.side, "venue": "NYSE"},
        **{
            "last_qty": 10,
            "last_px": D("201"),
            "transact_time": timezone.now(),
            "received_at": timezone.now(),
            "trade_date": today(),
        },
        **{"commission": D("1"), "commission_currency": "USD"},
    }
    return Execution.objects.create(**{**facts, **changes})


@pytest.fixture
def order(api: Api) -> Order:
    api.post("orders", body(price="205", order_qty="30"))
    return Order.objects.get()


def lines(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_an_execution_shows_trade_date_arrival_slippage_and_commission(api: Api, order: Order) -> None:
    executed(order, 1)
    names = "exec_id,trade_date,trader,arrival_px,slippage,slippage_bps,commission"
    head, row = lines(api.get("executions.csv", fields=names))
    assert ",".join(head) == names
    assert row == ["1.01", today().isoformat(), "algo", "200", "10", "50", "1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"preset": "today"}, ["1.01", "2.01"]),
        ({"preset": "yesterday"}, ["3.01"]),
        ({"from": yesterday, "to": today}, ["1.01", "2.01", "3.01"]),
        ({"preset": "today", "venue": "ARCA"}, ["2.01"]),
        ({"trader": "algo", "side": "SELL"}, []),
        ({"trader": "nobody"}, []),
        ({"account": OTHER}, []),
    ],
)
def test_presets_and_filters_choose_trading_days(
    api: Api, order: Order, query: dict[str, Any], found: list[str]
) -> None:
    query = {name: value() if callable(value) else value for name, value in query.items()}
    executed(order, 1)
    now = timezone.now()
    executed(order, 2, venue="ARCA", transact_time=now - timedelta(hours=30))  # a session over midnight
    executed(order, 3, trade_date=yesterday(), transact_time=now - timedelta(hours=1))
    rows = lines(api.get("executions.csv", fields="exec_id", **query))
    assert sorted(row[0] for row in rows[1:]) == found


@pytest.mark.parametrize(
    "query",
    [
        {"preset": "today", "from": "2026-11-01"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "x"},
        {"preset": "tomorrow"},
        {"to": "2026-02-30"},
    ],
)
def test_a_span_that_means_nothing_is_refused(api: Api, query: dict[str, str]) -> None:
    for path in ("executions.csv", "executions.xlsx", "tca"):
        assert api.get(path, **query, **({"by": "day"} if path == "tca" else {})).status_code == 400


@pytest.mark.parametrize("name", ["since", "until"])
def test_days_and_times_together_name_the_time_that_was_given(api: Api, name: str) -> None:
    for path in ("executions.csv", "executions.xlsx"):
        answer = api.get(path, **{name: "2026-11-27T00:00:00Z", "preset": "today"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


def test_sums_are_by_currency_and_leave_out_what_was_corrected(api: Api, order: Order) -> None:
    executed(order, 1)
    executed(order, 2, superseded=True)
    executed(order, 3, currency="EUR", commission_currency="EUR", last_px=D("199"))
    rows = lines(api.get("executions.csv", sums="true", fields="exec_id"))
    end = rows[rows.index([]) + 1 :]
    assert end[0] == list(SUM_COLUMNS)
    assert [",".join(row) for row in end[1:]] == ["EUR,1,1990,0,EUR,1,-10", "USD,1,2010,0,USD,1,10"]


def test_the_workbook_has_the_same_rows_and_no_formula(api: Api, order: Order) -> None:
    executed(order, 1, venue="=1+1")
    answer = api.get("executions.xlsx", preset="today", fields="exec_id,venue")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert [cell.value for cell in book["executions"][2]] == ["1.01", "'=1+1"]
    assert book["executions"]["B2"].data_type == "s"
    assert book["sums"]["A2"].value == "USD"


def test_costs_are_answered_and_exported_alike_and_of_own_accounts_only(api: Api, order: Order) -> None:
    executed(order, 1)
    Order.objects.filter(pk=order.pk).update(sent_at=timezone.now())
    keep.compute([order.pk])
    answer = api.get("tca", by="order").json()
    assert [row["key"] for row in answer["results"]] == [str(order.pk)]
    assert (answer["results"][0]["name"], answer["results"][0]["shortfall"]) == ("a-1", None)
    rows = lines(api.get("tca.csv", by="order"))
    assert [row[0] for row in rows[1:]] == [str(order.pk), "USD"]
    assert api.get("tca", by="symbol", account=OTHER).json()["results"] == []
    assert api.get("tca", by="moon").status_code == 400
    assert order.account_id == ACCOUNT


@pytest.mark.parametrize("query", [{}, {"by": "", "from": "", "to": "", "account": ""}, {"from": ""}])
def test_costs_without_a_choice_are_those_of_today_by_symbol(api: Api, query: dict[str, str]) -> None:
    told = api.get("tca", **query).json()
    assert (told["by"], told["from"], told["to"]) == ("symbol", *2 * [timezone.now().date().isoformat()])


# --- start and end of day ---------------------------------------------------------------------------------
def report_of(api: Api, kind: str, **query: str) -> Any:
    return api.get(f"reports/{kind}", account=ACCOUNT, **query)


def test_the_end_of_day_adds_up_what_was_executed_and_charged(api: Api, order: Order) -> None:
    executed(order, 1)
    executed(order, 2, last_px=D("202"), commission=D("1.5"))
    executed(order, 3, superseded=True)
    executed(order, 4, trade_date=yesterday())
    sections = report_of(api, "end-of-day").json()["sections"]
    (row,) = sections["traded"]
    assert (row["fills"], row["qty"], row["value"]) == (2, "20", "4030")
    (paid,) = sections["commissions"]
    assert (paid["currency"], paid["commission"], paid["waiting"]) == ("USD", "2.5", 0)
    assert [fill["exec_id"] for fill in sections["fills"]] == ["1.01", "2.01"]
    assert sections["summary"] == [{"state": "CREATED", "orders": 1}]


def test_the_start_of_day_is_a_checklist_that_computes_itself(api: Api, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(time_in_force="GTC")
    sections = report_of(api, "start-of-day").json()["sections"]
    known = {row["check"]: row["ok"] for row in sections["checklist"]}
    names = ("link", "gate", "trading state", "open breaks")
    assert [known[name] for name in names] == [False, False, True, True]
    assert known["positions equal the broker's"] is None
    (resting,) = sections["resting orders"]
    assert (resting["cl_ord_id"], resting["distance_bps"]) == ("a-1", "250")


@pytest.mark.parametrize("kind", ["start-of-day", "end-of-day"])
def test_every_format_holds_the_same_values(api: Api, order: Order, kind: str) -> None:
    executed(order, 1)
    plain = report_of(api, kind).json()
    book = openpyxl.load_workbook(io.BytesIO(report_of(api, kind, format="xlsx").content))
    assert book.sheetnames == list(plain["sections"])
    text = report_of(api, kind, format="csv").content.decode()
    for name, rows in plain["sections"].items():
        assert name in text
        assert book[name].max_row == len(rows) + 1
    pdf = report_of(api, kind, format="pdf")
    assert (pdf.headers["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")


def test_hostile_words_of_a_broker_stay_words_in_every_format(api: Api, order: Order) -> None:
    executed(order, 1, venue="=cmd|'<b>&")
    for form in ("csv", "xlsx", "pdf"):
        assert report_of(api, "end-of-day", format=form).status_code == 200
    assert "'=cmd" in report_of(api, "end-of-day", format="csv").content.decode()


def test_a_report_of_another_account_does_not_exist(api: Api) -> None:
    assert api.get("reports/end-of-day", account=OTHER).status_code == 400
    assert api.get("reports/end-of-day").status_code == 400
    assert report_of(api, "end-of-day", format="doc").status_code == 400


def test_the_command_keeps_what_the_api_shows_with_its_hash(
    api: Api, order: Order, capsys: pytest.CaptureFixture[str]
) -> None:
    executed(order, 1)
    for _ in range(2):
        call_command("report", "end-of-day", account=ACCOUNT)
    told = json.loads(capsys.readouterr().out.partition("}\n{")[0] + "}")
    shown = report_of(api, "end-of-day").json()
    kept = DayReport.objects.get()
    assert told == kept.document
    assert {**told, "as_of": ""} == {name: shown[name] for name in told} | {"as_of": ""}
    assert shown["kept"]["sha256"] == kept.sha256 == hash_of(kept.document)


def test_a_past_day_is_shown_as_it_was_kept(api: Api, order: Order) -> None:
    executed(order, 1, trade_date=yesterday())
    account = BrokerAccount.objects.get(pk=ACCOUNT)
    keep_report(ReportKind.END_OF_DAY, account, yesterday(), by="t")
    executed(order, 2, trade_date=yesterday())
    assert DayReport.objects.get().document["as_of_sections"]  # it was kept when the day was over
    shown = report_of(api, "end-of-day", date=yesterday().isoformat()).json()
    assert len(shown["sections"]["fills"]) == 1
    assert keep_report(ReportKind.END_OF_DAY, account, yesterday(), by="t").edition == 2


def held(qty: int, cash: int) -> None:
    mine = {"account_id": ACCOUNT, "reported_at": timezone.now()}
    Position.objects.create(**mine, con_id=1, symbol="AAPL", currency="USD", position_qty=qty)
    CashBalance.objects.create(**mine, currency="USD", amount=cash)


def test_a_past_day_that_nobody_kept_says_what_is_not_of_it(api: Api, order: Order) -> None:
    held(7, 100)
    present = report_of(api, "end-of-day").json()
    assert present["as_of_sections"] == []
    past = report_of(api, "end-of-day", date=yesterday().isoformat()).json()
    assert past["sections"]["positions"] == present["sections"]["positions"]
    assert {"positions", "cash", "profit and loss", "limit use"} <= set(past["as_of_sections"])
    assert timezone.now().isoformat()[:10] == past["as_of"][:10]
    for form in ("csv", "xlsx", "pdf"):
        assert report_of(api, "end-of-day", date=yesterday().isoformat(), format=form).status_code == 200
    text = report_of(api, "end-of-day", date=yesterday().isoformat(), format="csv").content.decode()
    assert text.count("not of the day") == len(past["as_of_sections"])


def test_a_past_days_balances_are_those_of_the_brokers_statement_of_it(api: Api, order: Order) -> None:
    held(7, 100)
    told = Statement.objects.create(
        **{"account_id": ACCOUNT, "query": "q", "kind": "AF"},
        **{"from_date": yesterday(), "to_date": yesterday(), "generated_at": timezone.now()},
        sections={"OpenPositions": 1, "CashReport": 1},
    )
    facts = {"day": yesterday(), "currency": "USD", "raw": {}}
    told.rows.create(**facts, section="OpenPositions", key="1", what="SUMMARY", con_id=1, quantity=D(5))
    told.rows.create(**facts, section="CashReport", key="2", what="CURRENCY", amount=D("12.34"))
    past = report_of(api, "end-of-day", date=yesterday().isoformat()).json()
    assert [row["position_qty"] for row in past["sections"]["positions"]] == ["5"]
    assert [row["amount"] for row in past["sections"]["cash"]] == ["12.34"]
    assert not {"positions", "cash"} & set(past["as_of_sections"])
    assert report_of(api, "end-of-day").json()["sections"]["cash"][0]["amount"] == "100"


def test_breaks_of_a_past_day_are_those_that_were_open_on_its_evening(api: Api, order: Order) -> None:
    session, then = order.account.session_id, timezone.now() - timedelta(days=3)  # type: ignore[union-attr]
    now = timezone.now()
    facts = {"session_id": session, "account_id": ACCOUNT, "kind": "CASH", "last_seen": now}
    Break.objects.create(**facts, key="a", text="closed since", first_seen=then, closed_at=now)
    Break.objects.create(**facts, key="b", text="new", first_seen=now)
    days = (yesterday(), today())
    shown = [report_of(api, "end-of-day", date=day.isoformat()).json() for day in days]
    told = [[row["text"] for row in one["sections"]["breaks"]] for one in shown]
    assert told == [["closed since"], ["new"]]


def test_a_day_begins_where_the_setting_says(api: Api, order: Order, settings: Any) -> None:
    settings.REPORT_TIMES = {"end-of-day": DailyTime(at=time(0), zone="Pacific/Kiritimati", holidays=())}
    told = report_of(api, "end-of-day", date="").json()
    there = timezone.now() + timedelta(hours=14)
    assert (told["zone"], told["date"]) == ("Pacific/Kiritimati", there.date().isoformat())
    assert [row["cl_ord_id"] for row in told["sections"]["orders"]] == ["a-1"]
    before = (there - timedelta(days=1)).date().isoformat()
    assert report_of(api, "end-of-day", date=before).json()["sections"]["orders"] == []


def test_a_long_section_is_listed_to_its_bound_and_the_others_are_counted(
    api: Api, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_day, "LISTED", 2)
    for number in range(5):
        executed(order, number)
    told = report_of(api, "end-of-day").json()
    assert (len(told["sections"]["fills"]), told["more"]) == (2, {"fills": 3})
    assert "and 3 more" in report_of(api, "end-of-day", format="csv").content.decode()
    book = openpyxl.load_workbook(io.BytesIO(report_of(api, "end-of-day", format="xlsx").content))
    assert book["fills"].cell(row=4, column=1).value == "and 3 more"


def test_a_workbook_of_too_many_rows_is_refused_with_the_way_out(
    api: Api, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    for number in range(3):
        executed(order, number)
    answer = api.get("executions.xlsx", preset="today")
    assert answer.status_code == 400
    assert "CSV" in answer.json()["errors"][0]["message"]
    assert len(lines(api.get("executions.csv", preset="today"))) == 4


def test_a_combinations_legs_are_what_was_traded_and_charged_and_pence_are_no_pounds(
    api: Api, order: Order
) -> None:
    executed(order, 1, sec_type="BAG", commission=None, last_px=D(3))
    executed(order, 2, commission=D("1.25"))
    Instrument.objects.filter(pk=order.instrument_id).update(price_magnifier=100)
    sections = report_of(api, "end-of-day").json()["sections"]
    assert [(row["fills"], row["value"]) for row in sections["traded"]] == [(1, "20.1")]
    (paid,) = sections["commissions"]
    assert (paid["commission"], paid["waiting"]) == ("1.25", 0)


def test_report_files_and_ledger_come_to_the_same_by_hand(api: Api, order: Order) -> None:
    """A correction, a bust, a combination with its leg, another currency, a commission that waits."""
    Instrument.objects.filter(pk=order.instrument_id).update(sec_type="BAG", multiplier=100)
    bag = {"sec_type": "BAG", "commission": None, "commission_currency": "", "last_px": D(3)}
    executed(order, 1, **bag)
    executed(order, 2, last_px=D("200"), last_qty=4, multiplier=100, commission=D("2.5"))
    executed(order, 3, superseded=True)
    executed(order, 4, exec_id="3.02", exec_root="3", last_qty=3, last_px=D("201"))
    executed(order, 5, last_qty=0, last_px=D(0), commission=None)
    executed(order, 6, side="SELL", currency="EUR", commission=None, commission_currency="")
    by_hand = {("USD", "BUY"): D(4 * 200 * 100 + 3 * 201), ("EUR", "SELL"): D(10 * 201)}
    sections = report_of(api, "end-of-day").json()["sections"]
    told = {(row["currency"], row["side"]): D(row["value"]) for row in sections["traded"]}
    assert told == by_hand
    assert {row["currency"]: (row["commission"], row["waiting"]) for row in sections["commissions"]} == {
        "USD": ("3.5", 0),
        "": (None, 1),
    }
    rows = lines(api.get("executions.csv", sums="true", fields="exec_id"))
    sums = {row[0]: row for row in rows[rows.index([]) + 2 :]}
    assert [D(sums["USD"][n]) for n in (1, 2, 3, 5)] == [2, by_hand["USD", "BUY"], 0, D("3.5")]
    assert [D(sums["EUR"][n]) for n in (1, 2, 3, 5)] == [1, 0, by_hand["EUR", "SELL"], 0]
    ledger = {row["exec_id"]: row for row in api.get("executions", limit="50").json()["results"]}
    assert len(ledger) == 6
    assert sum(row["fills"] for row in sections["traded"]) == 3


def test_a_person_signs_off_once_and_with_a_reason(api: Api, order: Order) -> None:
    user = User.objects.get(username="algo")
    report = keep_report(ReportKind.END_OF_DAY, BrokerAccount.objects.get(pk=ACCOUNT), today(), by="t")
    with pytest.raises(ValueError, match="looked at"):
        sign(report.pk, user=user, reason=" ")
    assert sign(report.pk, user=user, reason="compared with the statement").signed_by == user
    with pytest.raises(ReportSigned):
        sign(report.pk, user=user, reason="again")
    assert report_of(api, "end-of-day").json()["kept"]["signed_by"] == "algo"


def test_a_report_is_made_once_when_its_time_has_come_and_nobody_is_told_twice(
    api: Api, order: Order, settings: Any
) -> None:
    settings.REPORT_TIMES = {"end-of-day": DailyTime(at=time(0), zone="UTC", holidays=())}
    is_off = today().weekday() >= 5
    accounts = 0 if is_off else BrokerAccount.objects.count()
    assert (make_due(), make_due()) == (accounts, 0)
    assert Alert.objects.filter(kind="REPORT").count() == accounts
    settings.REPORT_TIMES = {"end-of-day": DailyTime(at=time(0), zone="UTC", holidays={today()})}
    DayReport.objects.all().delete()
    assert make_due() == 0
