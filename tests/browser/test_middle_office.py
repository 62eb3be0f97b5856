"""The middle office's pages in a browser: breaks decided together, a file kept, reports, costs, statements.

With DESK_IMAGES set to a folder, a picture of each page is written there (`make pictures`).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT
from tests.browser.test_pages import PICTURE
from tests.browser.walk import serious
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

IMAGES = os.environ.get("DESK_IMAGES")
TODAY = "?kind=end-of-day&account=DU1234567"
PAGES = {
    "breaks-at-work": "/admin/desk/breaks/",
    "costs": "/admin/desk/costs/?by=symbol&preset=month",
    "day-report": f"/admin/desk/reports/{TODAY}",
    "start-of-day": "/admin/desk/reports/?kind=start-of-day&account=DU1234567",
    "statements": "/admin/desk/statements/",
    "strategies": "/admin/desk/strategies/",
    "splits": "/admin/desk/splits/",
    "fills": "/admin/desk/fills/",
    "alert-routes": "/admin/desk/alert-routes/",
}
PICTURED = {"costs", "day-report", "statements", "alert-routes"}
#: One page of each make; all pages, at three widths and in both themes: tests/soak/test_every_page.py.
LOOKED_AT = PAGES if IMAGES else ("costs", "day-report", "splits")
AAPL = "265598"
QUIET_DAY = """<FlexQueryResponse queryName="quiet" type="AF"><FlexStatements count="1">
<FlexStatement accountId="DU1234567" fromDate="20260105" toDate="20260105" whenGenerated="20260106;050000">
<Transfers></Transfers></FlexStatement></FlexStatements></FlexQueryResponse>"""
BREAKS = """
from django.utils import timezone as t
from orders.models import Break
for currency in {currencies}:
    Break.objects.create(session_id="main", kind="CASH", key="DU1234567 " + currency, account_id="DU1234567",
        text="Cash in %s: ours is 0, the broker's {gap}." % currency,
        ours={{"currency": "USD", "expected": "0"}}, broker={{"reported": "{gap}"}},
        first_seen=t.now(), last_seen=t.now(), agreeing_runs=-1000)
from orders.controls.books.break_values import keep_values
keep_values()
"""


@pytest.fixture(scope="module")
def filled(stack: System) -> str:
    """A filled order whose cost is computed."""
    placed = stack.api.placed("AAPL", order_qty="10")
    eventually(lambda: stack.api.state(placed["id"]) == "COMPLETED", limit=90)
    return str(placed["id"])


def judged(page: Page, name: str) -> list[str]:
    if IMAGES:
        page.screenshot(path=str(Path(IMAGES) / f"{name}.png"), clip=PICTURE)
    return [f"{name}: {fault}" for fault in serious(page)]


def test_breaks_are_decided_together_and_keep_their_files(boss: Page, stack: System, tmp_path: Path) -> None:
    stack.manage("shell", "-c", BREAKS.format(currencies=("CHF", "SEK"), gap="4.20"))
    boss.goto(PAGES["breaks-at-work"])
    faults = judged(boss, "breaks-at-work")
    boss.get_by_role("link", name="Cash in CHF: ours is 0, the broker's 4.20.").click()
    (tmp_path / "letter.txt").write_text("what the broker wrote")
    boss.set_input_files("input[name=file]", tmp_path / "letter.txt")
    boss.get_by_role("button", name="Keep it here").click()
    with boss.expect_download() as download:
        boss.get_by_role("link", name="letter.txt").click()
    assert download.value.path().read_text() == "what the broker wrote"
    faults += judged(boss, "break-files")
    boss.goto(PAGES["breaks-at-work"])
    for row in boss.locator("tr", has_text="the broker's 4.20.").all():
        row.get_by_role("checkbox").check()
    boss.fill("#text", "interest of November")
    boss.select_option("#cause", "CASH_MOVEMENT")
    boss.get_by_role("button", name="Explain and close all chosen").click()
    expect(boss.get_by_text("2 breaks: Resolved.")).to_be_visible(timeout=WAIT)
    expect(boss.locator("tr", has_text="the broker's 4.20.")).to_have_count(0)
    assert faults == []


def test_an_order_says_what_its_price_became(boss: Page, filled: str) -> None:
    def told() -> bool:
        boss.goto(f"/admin/orders/order/{filled}/change/")
        return boss.get_by_role("heading", name="What its price became").count() == 1

    assert eventually(told, limit=90)
    boss.get_by_role("heading", name="What its price became").scroll_into_view_if_needed()
    assert judged(boss, "order-cost") == []


@pytest.mark.soak
def test_pages_of_the_middle_office_have_no_serious_fault(boss: Page, filled: str) -> None:
    faults = []
    for name in LOOKED_AT:
        boss.goto(PAGES[name])
        expect(boss.locator("#content")).to_be_visible(timeout=WAIT)
        faults += judged(boss, name) if name in PICTURED else serious(boss)
    assert faults == []


def test_a_route_is_made_tried_muted_and_ended_and_no_secret_is_shown(boss: Page) -> None:
    boss.goto(PAGES["alert-routes"])
    boss.get_by_role("button", name="Send a test to chat").click()
    expect(boss.get_by_text("The channel did not take it.")).to_be_visible(timeout=WAIT)
    boss.fill("input[name=name]", "night")
    boss.select_option("select[name=kinds]", ["BUST", "OVERFILL"])
    boss.select_option("select[name=channel]", "chat")
    boss.get_by_role("button", name="Add route").click()
    row = boss.locator("tr", has_text="night")
    expect(row).to_contain_text("OVERFILL, BUST", timeout=WAIT)
    boss.fill("input[name=starts_at]", "2026-01-01T00:00")
    boss.fill("input[name=ends_at]", "2099-01-01T00:00")
    boss.fill("[name=reason]", "drill of November")
    boss.get_by_role("button", name="Mute", exact=True).click()
    expect(boss.get_by_text("drill of November")).to_be_visible(timeout=WAIT)
    assert "hidden-word" not in boss.content()
    boss.get_by_role("button", name="End this mute").click()
    expect(boss.get_by_text("Nothing is muted.")).to_be_visible(timeout=WAIT)
    boss.get_by_role("button", name="End night").click()
    expect(boss.get_by_role("button", name="End night")).to_have_count(0, timeout=WAIT)


def test_a_report_is_kept_signed_and_taken_as_a_file(boss: Page, filled: str) -> None:
    boss.goto(PAGES["day-report"])
    expect(boss.get_by_role("heading", name="Fills")).to_be_visible(timeout=WAIT)
    boss.get_by_role("button", name="Keep as it is now").click()
    expect(boss.get_by_text("Kept as edition")).to_be_visible(timeout=WAIT)
    boss.fill("input[name=reason]", "compared with the statement")
    boss.get_by_role("button", name="Sign off").click()
    expect(boss.get_by_text("compared with the statement")).to_be_visible(timeout=WAIT)
    with boss.expect_download() as download:
        boss.get_by_role("link", name="CSV", exact=True).click()
    assert "AAPL" in download.value.path().read_text()


def test_a_day_begins_with_a_checklist_that_a_person_signs(boss: Page, filled: str) -> None:
    boss.goto(PAGES["start-of-day"])
    checks = boss.locator("section", has=boss.get_by_role("heading", name="Checklist"))
    for check in ("link", "gate", "open breaks", "certificate", "second factor"):
        expect(checks).to_contain_text(check, timeout=WAIT)
    boss.get_by_role("button", name="Keep as it is now").click()
    boss.fill("input[name=reason]", "nothing is open")
    boss.get_by_role("button", name="Sign off").click()
    expect(boss.get_by_role("status").first).to_contain_text("Signed off", timeout=WAIT)
    expect(boss.get_by_role("button", name="Sign off")).to_have_count(0)


def test_costs_are_shown_by_strategy_and_executions_taken_as_a_workbook(boss: Page, filled: str) -> None:
    def reckoned() -> bool:
        boss.goto(PAGES["costs"])
        return boss.locator("tbody tr", has_text="AAPL").count() == 1

    assert eventually(reckoned, limit=90)
    boss.select_option("select[name=by]", "trader")
    boss.get_by_role("button", name="Show").click()
    expect(boss.locator("tfoot tr")).to_contain_text("All, USD", timeout=WAIT)
    with boss.expect_download() as costs:
        boss.get_by_role("link", name="CSV", exact=True).click()
    assert "shortfall_bps" in costs.value.path().read_text()
    boss.get_by_role("link", name="Executions as a file").click()
    with boss.expect_download() as fills:
        boss.get_by_role("button", name="XLSX").click()
    assert fills.value.path().read_bytes().startswith(b"PK")


def test_a_statement_is_read_in_and_what_is_none_is_refused(boss: Page, tmp_path: Path) -> None:
    (tmp_path / "quiet.xml").write_text(QUIET_DAY)
    (tmp_path / "login.xml").write_text("<!DOCTYPE html><html>Please log in</html>")
    boss.goto(PAGES["statements"])
    for name, told in {"quiet.xml": "0 differences", "login.xml": "Nothing was stored."}.items():
        boss.set_input_files("input[name=file]", tmp_path / name)
        boss.get_by_role("button", name="Read it in").click()
        expect(boss.locator("#content")).to_contain_text(told, timeout=WAIT)


def approved(person: Page, what: str) -> None:
    person.goto("/admin/desk/approvals/")
    asked = person.locator("section", has_text=what).first
    asked.locator("input[name=reason]").fill("compared with the letter")
    asked.get_by_role("button", name="Approve", exact=True).click()
    expect(person.locator("tr", has_text=what)).to_contain_text("compared with the letter", timeout=WAIT)


@pytest.mark.soak
def test_the_second_half_of_a_large_break_waits_for_a_second_person(
    boss: Page, second: Page, stack: System
) -> None:
    stack.manage("shell", "-c", BREAKS.format(currencies=("NOK", "DKK"), gap="60000"))
    for currency, said in (("NOK", "Resolved."), ("DKK", "with what you have closed today")):
        boss.goto(PAGES["breaks-at-work"])
        boss.locator("tr", has_text=f"Cash in {currency}").get_by_role("checkbox").check()
        boss.fill("#text", "half of the fee")
        boss.get_by_role("button", name="Explain and close all chosen").click()
        expect(boss.get_by_text(said)).to_be_visible(timeout=WAIT)
    second.goto("/admin/desk/approvals/")
    asked = second.locator("section", has_text="Cash in DKK").first
    expect(asked).to_contain_text("closed alone today by desk in DU1234567")
    approved(second, "Cash in DKK")
    boss.goto(PAGES["breaks-at-work"])
    expect(boss.locator("tr", has_text="Cash in DKK")).to_have_count(0)


def test_a_position_goes_to_a_strategy_when_a_second_person_agrees(
    boss: Page, second: Page, filled: str
) -> None:
    def held() -> bool:
        boss.goto(PAGES["strategies"])
        return boss.locator(f"#id_con_id option[value='{AAPL}']").count() == 1

    eventually(held, limit=90)
    boss.select_option("#id_con_id", AAPL)
    for name, value in {"to_strategy": "browser-pairs", "quantity": "2", "price": "205"}.items():
        boss.fill(f"#id_{name}", value)
    boss.fill("#id_reason", "belongs to the pair")
    boss.get_by_role("button", name="Move", exact=True).click()
    expect(boss.get_by_text("waits for a second person's approval")).to_be_visible(timeout=WAIT)
    assert boss.locator("tbody th", has_text="browser-pairs").count() == 0
    approved(second, "browser-pairs")
    boss.goto(PAGES["strategies"])
    expect(boss.locator("tr", has=boss.get_by_role("rowheader", name="browser-pairs"))).to_contain_text(
        "AAPL"
    )
    expect(boss.locator("tr", has_text="belongs to the pair")).to_contain_text("approver")
    assert judged(boss, "strategies") == []


def test_a_split_is_entered_by_one_person_and_counts_when_another_agrees(
    boss: Page, second: Page, filled: str
) -> None:
    """Of a day that is far ahead: the positions of this system stay as they are."""
    boss.goto(PAGES["splits"])
    boss.select_option("#id_con_id", AAPL)
    for name, value in {"ex_date": "2035-01-03", "numerator": "7", "denominator": "2"}.items():
        boss.fill(f"#id_{name}", value)
    boss.fill("#id_reason", "letter of the company")
    boss.get_by_role("button", name="Enter the split").click()
    expect(boss.get_by_text("waits for a second person's approval")).to_be_visible(timeout=WAIT)
    approved(second, "7 for 2")
    boss.goto(PAGES["splits"])
    expect(boss.locator("tr", has_text="7 for 2")).to_contain_text("approver")
    assert judged(boss, "splits") == []
