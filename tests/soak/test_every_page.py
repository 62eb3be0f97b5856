"""Every page of the desk at three widths in two themes: nothing serious by axe, no sideways scroll."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import boss, boss_window, browser, stack
from tests.browser.test_blotter import limit_order
from tests.browser.test_pages import order
from tests.browser.walk import faults, pages_of
from tests.pages import routes
from tradedesk.stack.system import System

__all__ = ["boss", "boss_window", "browser", "order", "stack"]

WIDTHS = (1440, 1280, 390)
#: What has a page of its own, told at the greatest length that fits.
ROWS = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone as t
from orders.models import Approval, Break, BreakFile, DeskJob, KillSwitch, SavedView
from orders.models.middle_office.reports import DayReport
desk, now, long = User.objects.get(username="desk"), t.now(), "W" * 64
job = DeskJob.objects.create(kind="PLACE", owner=desk, name=f"{long[:50]}.csv")
job.rows.create(line=1, fields={"cl_ord_id": long, "side": "HOLD"}, errors={"side": long})
diff = [{"what": long, "old": "1", "new": long}]
Approval.objects.create(kind="LIMITS", title=f"Limits of {long}", diff=diff, reason=long,
    maker=desk, made_by=long, expires_at=now + timedelta(days=1))
KillSwitch.objects.create(scope="strategy:nobody", action="cancel", status="PROVEN", reason=long, maker=desk,
    made_by=long, state_before="ACTIVE", progress={}, proven_at=now, released_at=now, released_by=long)
SavedView.objects.create(owner=desk, name=long[:40], query="view=open")
"""
#: Routes that answer with something else than a page, or to others than a person of the desk.
NO_PAGE_OF_THEIRS: set[str] = set()


@pytest.fixture(scope="module")
def pages(stack: System, boss_window: BrowserContext, order: str) -> list[tuple[str, str]]:
    """Name and URL of every page, with a row of each kind to look at."""
    stack.manage("shell", "-c", ROWS)
    pair = [limit_order("TSLA", "BUY", "1"), limit_order("TSLA", "BUY", "2")]
    pair[0]["cl_ord_id"] = f"{uuid.uuid4()}-".ljust(64, "W")
    stack.api.post("/groups", json={"list_id": "L" * 60, "kind": "OCA", "orders": pair}).raise_for_status()
    end = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sliced = {**limit_order("IBM", "BUY", "1"), "slices": 2, "end_time": end}
    answer = stack.api.post("/slices", json=sliced)
    assert answer.status_code < 300, answer.text
    page = boss_window.new_page()
    found = list(pages_of(page, stack))
    page.close()
    print("NOT WALKED", sorted({name for name, _ in routes()} - {name for name, _ in found}))
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault_or_scrolls_sideways(
    boss: Page, pages: list[tuple[str, str]], theme: str
) -> None:
    boss.goto("/admin/")
    boss.evaluate(f"localStorage.setItem('adminTheme', JSON.stringify('{theme}'))")
    found = []
    for name, url in pages:
        boss.goto(url, wait_until="domcontentloaded")
        expect(boss.locator("html.dark")).to_have_count(int(theme == "dark"))
        for width in WIDTHS:
            boss.set_viewport_size({"width": width, "height": 800})
            found += [f"{name} at {width} px: {fault}" for fault in faults(boss)]
    assert not found, "\n".join(found)
