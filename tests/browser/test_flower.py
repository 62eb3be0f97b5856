"""Flower, as ops see it: behind a login, with the workers and what they do."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, HttpCredentials, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.processes import FLOWER_USER
from tradedesk.stack.system import FLOWER_PASSWORD, System

IMAGES = os.environ.get("DESK_IMAGES")


def test_flower_asks_for_a_login_and_shows_workers_and_tasks(stack: System, browser: Browser) -> None:
    with browser.new_context() as stranger:
        assert stranger.request.get(stack.urls.flower).status == 401
    login: HttpCredentials = {"username": FLOWER_USER, "password": FLOWER_PASSWORD}
    with browser.new_context(http_credentials=login, viewport={"width": 1280, "height": 620}) as ops:
        page = ops.new_page()
        page.goto(f"{stack.urls.flower}/workers")
        expect(page.locator("#workers-table")).to_contain_text("broker", timeout=WAIT)
        if IMAGES:
            page.screenshot(path=str(Path(IMAGES) / "flower.png"))
        page.goto(f"{stack.urls.flower}/tasks")
        expect(page.locator("#tasks-table")).to_contain_text("orders.tasks.", timeout=WAIT)
