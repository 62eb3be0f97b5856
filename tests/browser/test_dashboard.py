"""The first page: live, with its mode always in sight."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WAIT, log_in
from tradedesk.stack.system import System


def test_an_order_appears_on_the_dashboard_without_a_reload(boss: Page, stack: System) -> None:
    boss.goto("/admin/")
    expect(boss.locator(".desk-mode")).to_have_text("PAPER")
    order = stack.api.placed()
    just_happened = boss.locator('[data-part="dashboard"]').get_by_title(order["cl_ord_id"]).first
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
        expect(tab.get_by_title(order["cl_ord_id"]).first).to_be_visible(timeout=WAIT)
    for tab in tabs:
        tab.close()


def test_a_stream_that_is_gone_is_reported(boss: Page, stack: System) -> None:
    boss.goto("/admin/")
    stack.freeze("stream")
    expect(boss.locator("#desk-live-text")).to_contain_text("Not live for", timeout=WAIT)
    stack.thaw("stream")
    expect(boss.locator("#desk-live-text")).to_have_text("Live", timeout=WAIT)


def test_hints_are_shown_until_they_were_read(stack: System, browser: Browser) -> None:
    password = (stack.options.data / "desk_password").read_text().strip()
    with log_in(stack, browser, "desk", password) as window:  # a browser that was never here
        page = window.new_page()
        page.goto("/admin/")
        hints = page.get_by_role("region", name="New here?")
        expect(hints).to_contain_text("nothing is sent before you review and confirm it")
        page.get_by_role("button", name="Understood").click()
        for _ in range(2):
            expect(hints).to_be_hidden()
            page.reload()


def test_a_question_mark_lists_the_keys_on_every_kind_of_page(boss: Page, stack: System) -> None:
    order = stack.api.placed()
    for place in ("/admin/", "/admin/orders/order/", f"/admin/orders/order/{order['id']}/change/"):
        boss.goto(place)
        boss.keyboard.press("?")
        keys = boss.get_by_role("dialog", name="Keys")
        expect(keys).to_contain_text("No key sends an order or a cancel by itself.")
        boss.keyboard.press("Escape")
        expect(keys).to_be_hidden()


def test_keys_of_the_list_lead_where_they_say(boss: Page) -> None:
    boss.goto("/admin/")
    places = {"b": "orders/order/?view=open", "t": "desk/ticket/", "p": "brokers/position/", "d": ""}
    for key, place in places.items():
        boss.keyboard.press("g")
        boss.keyboard.press(key)
        expect(boss).to_have_url(re.compile(rf"/admin/{re.escape(place)}$"), timeout=WAIT)
        boss.wait_for_load_state()
        boss.evaluate("document.activeElement.blur()")  # the ticket puts the cursor into its first field
