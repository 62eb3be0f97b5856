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
    "costs": "/admin/desk/costs/?by=symbol",
    "day-report": f"/admin/desk/reports/{TODAY}",
    "statements": "/admin/desk/statements/",
    "fills": "/admin/desk/fills/",
    "alert-routes": "/admin/desk/alert-routes/",
}
PICTURED = {"costs", "day-report", "statements", "alert-routes"}
TWO_BREAKS = """
from django.utils import timezone as t
from orders.models import Break
for currency in ("CHF", "SEK"):
    Break.objects.create(session_id="main", kind="CASH", key=f"DU1234567 {currency}", account_id="DU1234567",
        text=f"Cash in {currency}: ours is 0, the broker's 4.20.",
        ours={"currency": "USD", "expected": "0"}, broker={"reported": "4.20"},
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
    stack.manage("shell", "-c", TWO_BREAKS)
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


def test_pages_of_the_middle_office_have_no_serious_fault(boss: Page, filled: str) -> None:
    faults = []
    for name, path in PAGES.items():
        boss.goto(path)
        expect(boss.locator("#content")).to_be_visible(timeout=WAIT)
        faults += judged(boss, name) if name in PICTURED else serious(boss)
    assert faults == []


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
