"""The first page: live, with its mode always in sight."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.system import System


def test_an_order_appears_on_the_dashboard_without_a_reload(boss: Page, stack: System) -> None:
    boss.goto("/admin/")
    expect(boss.locator(".desk-mode")).to_have_text("PAPER")
    order = stack.api.placed()
    just_happened = boss.locator('[data-part="dashboard"]').get_by_text(order["cl_ord_id"]).first
    expect(just_happened).to_be_visible(timeout=WAIT)
    expect(boss.locator("#desk-live-text")).to_have_text("Live", timeout=WAIT)


def test_a_refused_order_is_counted_in_the_title(boss: Page, stack: System) -> None:
    boss.goto("/admin/")
    stack.api.place(order_qty="10000000")
    expect(boss).to_have_title(re.compile(r"^\s*\(\d+\)"), timeout=WAIT)
    expect(boss.locator("#calling-title + table, #calling-title ~ table").last).to_contain_text(
        "QTY_ABOVE_LIMIT"
    )


def test_eight_tabs_share_one_connection(boss: Page, stack: System) -> None:
    tabs = [boss.context.new_page() for _ in range(7)]
    for tab in [boss, *tabs]:
        tab.goto("/admin/")
    order = stack.api.placed()
    for tab in [boss, *tabs]:
        tab.bring_to_front()
        expect(tab.get_by_text(order["cl_ord_id"]).first).to_be_visible(timeout=WAIT)
    for tab in tabs:
        tab.close()


def test_a_stream_that_is_gone_is_reported(boss: Page, stack: System) -> None:
    boss.goto("/admin/")
    stack.freeze("stream")
    expect(boss.locator("#desk-live-text")).to_contain_text("Not live for", timeout=WAIT)
    stack.thaw("stream")
    expect(boss.locator("#desk-live-text")).to_have_text("Live", timeout=WAIT)
