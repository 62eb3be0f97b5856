"""What watches the system, with a real Prometheus: its rules, the dashboard's panels, an alert's whole path.

With DESK_IMAGES set to a folder, it watches for longer and leaves pictures there (`make pictures`).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import unfold
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import WAIT
from tests.stack.grafana import PANELS, lines, page
from tests.stack.prometheus import Prometheus
from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.process import wait_until
from tradedesk.stack.system import System

pytestmark = pytest.mark.soak

IMAGES = os.environ.get("DESK_IMAGES")
WATCHED = 180 if IMAGES else 5  # seconds of order flow
CHART_JS = Path(unfold.__file__).parent / "static/unfold/js/chart/chart.js"
SYMBOLS = ("AAPL", "MSFT", "SPY")
SESSION_PAGE = "/admin/brokers/gatewaysession/main/change/"


@pytest.fixture(scope="module")
def watcher(stack: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It comes when prices are known and the first orders, which are slower, are through."""
    for symbol in SYMBOLS:
        eventually(partial(stack.api.placed, symbol))
    trade(stack, seconds=0)
    with Prometheus(tmp_path_factory.mktemp("prometheus"), stack.urls) as running:
        yield running


def trade(stack: System, *, seconds: float) -> None:
    """Order flow that comes and goes, at least twenty: some are refused, some rest and are canceled."""
    until, number, resting = time.time() + seconds, 0, deque[str]()
    while time.time() < until or number < 20:
        symbol = SYMBOLS[number % 3]
        if number % 20 == 9:
            stack.api.place("TSLA", order_qty="20000")
        elif number % 5 == 2:
            resting.append(stack.api.placed(symbol, ord_type="LIMIT", price="1")["id"])
        else:
            stack.api.placed(symbol, side="SELL" if number % 2 else "BUY", order_qty=str(10 + number % 40))
        if len(resting) > 4:
            stack.api.cancel(resting.popleft())
        number += 1
        time.sleep(0.1 + 0.9 * (number // 40 % 2))


@pytest.fixture(scope="module")
def begin(stack: System, watcher: Prometheus, boss_window: BrowserContext) -> Iterator[float]:
    """Orders came while the desk looked on, then the gateway went, and an alert is raised: when it began."""
    started = time.time()
    boss_window.new_page().goto("/admin/")
    trade(stack, seconds=WATCHED)
    stack.kill("simgateway")
    stack.api.placed("AAPL", ord_type="LIMIT", price="231")
    wanted = ("firing",) if IMAGES else ("pending", "firing")  # half a minute later, or at once
    eventually(lambda: watcher.rules()["SessionNotReady"]["state"] in wanted, limit=120)
    yield started
    stack.start("simgateway")
    stack.wait_until_ready()


def keep(shown: Page, name: str) -> None:
    if IMAGES:
        shown.screenshot(path=str(Path(IMAGES) / f"{name}.png"), full_page=True)


def test_prometheus_reaches_every_process_and_takes_every_rule(watcher: Prometheus) -> None:
    def healths() -> set[str]:
        return {rule["health"] for rule in watcher.rules().values()}

    eventually(lambda: healths() == {"ok"})
    assert eventually(
        lambda: [one["health"] for one in watcher.ask("targets")["activeTargets"]] == ["up"] * 3
    )


def test_an_alert_leads_to_its_entry_and_its_cause(watcher: Prometheus, begin: float, boss: Page) -> None:
    (alert,) = watcher.rules()["SessionNotReady"]["alerts"]
    assert alert["labels"]["session"] == "main"
    assert alert["annotations"]["runbook"] == "docs/runbook.md#gateway-down"
    boss.set_viewport_size({"width": 1280, "height": 620})
    boss.goto(SESSION_PAGE)
    expect(boss.locator('[data-part="session"]')).to_contain_text("Down", timeout=WAIT)
    keep(boss, "session-down")


def test_every_panel_of_the_dashboard_has_data_on_a_busy_system(watcher: Prometheus, begin: float) -> None:
    def empty() -> list[str]:
        now = time.time()
        return [panel["title"] for panel in PANELS if not lines(panel, watcher, begin=begin, until=now)]

    wait_until(lambda: not empty(), limit=60, pause=1)  # an alert's line comes with the next evaluation
    assert empty() == []


def test_the_whole_dashboard_can_be_drawn(watcher: Prometheus, begin: float, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        drawn = context.new_page()
        drawn.set_content(page(watcher, begin=begin, until=time.time()))
        drawn.add_script_tag(path=str(CHART_JS))
        drawn.evaluate("draw()")
        expect(drawn.locator("section canvas")).to_have_count(len(PANELS))
        keep(drawn, "grafana")


def test_prometheus_shows_what_fires(watcher: Prometheus, begin: float, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        alerts = context.new_page()
        alerts.goto(f"{watcher.url}/classic/alerts")  # Debian's package has no other pages
        alerts.get_by_role("button", name="Show annotations").click()
        alerts.get_by_text("SessionNotReady").first.click()
        expect(alerts.get_by_text("runbook.md#gateway-down").first).to_be_visible()
        keep(alerts, "prometheus")
