"""Flower, as ops see it: behind a login, with the workers and what they do."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, HttpCredentials, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import FLOWER_USER
from tradedesk.stack.system import FLOWER_PASSWORD, System

IMAGES = os.environ.get("DESK_IMAGES")
LOGIN: HttpCredentials = {"username": FLOWER_USER, "password": FLOWER_PASSWORD}
SENT = re.compile(r'tradedesk_submitted_commands_total\{session="main",started_by="task"\} (.+)')


def test_flower_asks_for_a_login_and_shows_workers_and_tasks(stack: System, browser: Browser) -> None:
    with browser.new_context() as stranger:
        assert stranger.request.get(stack.urls.flower).status == 401
    with browser.new_context(http_credentials=LOGIN, viewport={"width": 1280, "height": 620}) as ops:
        page = ops.new_page()
        page.goto(f"{stack.urls.flower}/workers")
        expect(page.locator("#workers-table")).to_contain_text("broker", timeout=WAIT)
        page.goto(f"{stack.urls.flower}/tasks")
        expect(page.locator("#tasks-table")).to_contain_text("orders.tasks.", timeout=WAIT)


def test_flower_shows_submissions_with_runtime_and_result_while_100_orders_flow(
    stack: System, browser: Browser
) -> None:
    before = sent_by_tasks(stack)
    with browser.new_context(http_credentials=LOGIN, viewport={"width": 1800, "height": 620}) as ops:
        page = ops.new_page()
        orders = []
        for _ in range(100):  # no faster than pacing lets them out: each task sends what has just been placed
            orders.append(stack.api.placed("AAPL", max_age="3600")["id"])
            time.sleep(0.03)
        page.goto(f"{stack.urls.flower}/tasks")
        page.locator("input[type=search]").fill("orders.tasks.submit")
        row = page.locator("#tasks-table tbody tr", has_text=re.compile("'orders': [1-9]")).first
        expect(row).to_contain_text("SUCCESS", timeout=WAIT)
        expect(row.locator("td", has_text=re.compile(r"^\s*[\d.]+ m?s\s*$"))).to_be_visible(timeout=WAIT)
        eventually(lambda: all(stack.api.state(key) == "COMPLETED" for key in orders), limit=300)
        if IMAGES:
            page.screenshot(path=str(Path(IMAGES) / "flower.png"))
    assert sent_by_tasks(stack) - before > len(orders) / 2  # the sweep sends what it happens to find first


def sent_by_tasks(stack: System) -> float:
    """How many orders tasks have handed over, by the metrics."""
    found = SENT.search(httpx.get(f"{stack.urls.http}/metrics").text)
    assert found
    return float(found[1])
