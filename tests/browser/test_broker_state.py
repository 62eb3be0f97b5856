"""The way to the broker in the header of every page: true soon, whatever the page and whatever happened."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.system import System

SOON = 30_000  # ms; two seconds are meant, on a machine that has the time
PLACES = (
    "/admin/",
    "/admin/orders/order/",
    "/admin/desk/ticket/",
    "/admin/brokers/gatewaysession/main/change/",
)


def test_a_gateway_that_is_gone_is_seen_on_every_open_page(boss: Page, stack: System) -> None:
    order = stack.api.placed(ord_type="LIMIT", price="1")
    tabs = [boss, *(boss.context.new_page() for _ in PLACES)]
    for tab, place in zip(tabs, (*PLACES, f"/admin/orders/order/{order['id']}/change/"), strict=True):
        tab.goto(place)
        expect(tab.locator("#desk-strip")).to_contain_text("gate open", timeout=WAIT)
    stack.kill("simgateway")
    for tab in tabs:
        tab.bring_to_front()
        expect(tab.locator("#desk-strip")).to_contain_text("gate shut", timeout=SOON)
        expect(tab.locator("[role=alert][data-part=strip-alert]")).to_contain_text("No new order goes out")
    expect(tabs[0].locator("[data-part=dashboard]")).to_contain_text("shut", timeout=SOON)
    expect(tabs[3].locator("[data-part=session]")).to_contain_text("Gate shut", timeout=SOON)
    tabs[2].bring_to_front()
    warned = tabs[2].locator("#ticket [data-part=strip-alert]").first
    expect(warned).to_contain_text(re.compile("the link is (DOWN|BROKER_LOST)"), timeout=SOON)
    stack.start("simgateway")
    stack.wait_until_ready()
    for tab in tabs:
        tab.bring_to_front()
        expect(tab.locator("#desk-strip")).to_contain_text("gate open", timeout=WAIT)
        expect(warned).to_be_empty(timeout=WAIT)
    for tab in tabs[1:]:
        tab.close()


def test_a_trading_state_is_seen_on_an_open_page(boss: Page, stack: System) -> None:
    boss.goto("/admin/desk/ticket/")
    expect(boss.locator("#desk-strip")).not_to_contain_text("REDUCING")
    stack.manage(
        "shell",
        "-c",
        "from orders.store.states import put_state; put_state('firm', 'REDUCING', by='risk', reason='late')",
    )
    expect(boss.locator("#desk-strip")).to_contain_text("REDUCING firm", timeout=SOON)
    stack.manage(
        "shell",
        "-c",
        "from orders.store.states import put_state; put_state('firm', 'ACTIVE', by='risk', reason='done')",
    )
    expect(boss.locator("#desk-strip")).not_to_contain_text("REDUCING", timeout=SOON)
