"""Flower, as ops see it: behind a login, with the workers and what they do."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, HttpCredentials, expect

from tests.browser.conftest import WAIT, log_in
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

IMAGES = os.environ.get("DESK_IMAGES")
LOG_OUT = """() => fetch('/admin/logout/', {method: 'POST', headers: {
    'X-CSRFToken': document.querySelector('[name=csrfmiddlewaretoken]').value}}).then(done => done.status)"""
SENT = re.compile(r'tradedesk_submitted_commands_total\{session="main",started_by="task"\} (.+)')


def password(stack: System) -> str:
    """Of the desk's first user."""
    return (stack.options.data / "desk_password").read_text().strip()


def login(stack: System) -> HttpCredentials:
    """What the browser's own window is told."""
    return {"username": "desk", "password": password(stack)}


def test_flower_shows_nothing_to_who_is_nobody_of_the_desk(stack: System) -> None:
    for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks", "/nothing"):
        answer = httpx.get(f"{stack.urls.flower}{path}", timeout=60)
        assert (answer.status_code, "Log in at the desk" in answer.text) == (401, True), path
    for auth in (("nobody", "wrong"), ("nobody", password(stack)), ("", "")):
        assert httpx.get(f"{stack.urls.flower}/workers", auth=auth, timeout=60).status_code == 401, auth


def test_flower_is_behind_the_desks_own_login_and_closed_with_it(stack: System, browser: Browser) -> None:
    with log_in(stack, browser, "desk", password(stack)) as window:
        assert window.request.get(f"{stack.urls.flower}/workers").status == 200
        cookies = window.cookies()
        page = window.new_page()
        page.goto("/admin/")
        page.evaluate(LOG_OUT)
        left = {cookie["name"]: cookie["value"] for cookie in cookies}
        assert httpx.get(f"{stack.urls.flower}/workers", cookies=left, timeout=60).status_code == 401


def test_flower_changes_nothing_whoever_asks(stack: System) -> None:
    own = ("desk", password(stack))
    for path in ("/api/worker/shutdown/worker@x", "/api/task/send-task/orders.tasks.tidy", "/tasks"):
        assert httpx.post(f"{stack.urls.flower}{path}", auth=own, timeout=60).status_code == 405, path


def test_flower_metrics_and_the_control_port_answer_to_their_own_names_only(stack: System) -> None:
    own, urls = ("desk", password(stack)), stack.urls
    doors = [f"{urls.flower}/workers", f"{urls.flower}/metrics", f"{urls.http}/metrics"]
    for url in [*doors, f"{urls.stream}/metrics", f"{urls.control}/orders"]:
        assert httpx.get(url, auth=own, timeout=60).status_code == 200, url
        for host in ("evil.example", "evil.example:5555", "localhost.evil.example", "127.0.0.1.evil.example"):
            answer = httpx.get(url, auth=own, headers={"Host": host}, timeout=60)
            assert answer.status_code in (400, 404), (url, host)


def test_flower_asks_for_a_login_and_shows_workers_and_tasks(stack: System, browser: Browser) -> None:
    with browser.new_context() as stranger:
        assert stranger.request.get(stack.urls.flower).status == 401
    with browser.new_context(http_credentials=login(stack), viewport={"width": 1280, "height": 620}) as ops:
        page = ops.new_page()
        page.goto(f"{stack.urls.flower}/workers")
        expect(page.locator("#workers-table")).to_contain_text("broker", timeout=WAIT)
        page.goto(f"{stack.urls.flower}/tasks")
        expect(page.locator("#tasks-table")).to_contain_text("orders.tasks.", timeout=WAIT)


def test_flower_shows_submissions_with_runtime_and_result_while_100_orders_flow(
    stack: System, browser: Browser
) -> None:
    before = sent_by_tasks(stack)
    with browser.new_context(http_credentials=login(stack), viewport={"width": 1800, "height": 620}) as ops:
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
    found = SENT.search(httpx.get(f"{stack.urls.http}/metrics", timeout=60).text)
    assert found
    return float(found[1])
