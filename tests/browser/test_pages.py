"""The desk's pages as people see them: nothing that axe calls serious, in light and in dark.

With DESK_IMAGES set to a folder, a picture of each page is written there (`make pictures`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from tests.browser.conftest import WAIT, log_in
from tests.browser.walk import serious
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

IMAGES = os.environ.get("DESK_IMAGES")
PAGES = {
    "dashboard": "/admin/",
    "blotter": "/admin/orders/order/",
    "order": "/admin/orders/order/{order}/change/",
    "ticket": "/admin/desk/ticket/?copy={order}&side=BUY",
    "basket": "/admin/desk/basket/",
    "jobs": "/admin/desk/jobs/",
    "executions": "/admin/orders/execution/",
    "positions": "/admin/brokers/position/",
    "account": "/admin/brokers/brokeraccount/DU1234567/change/",
    "position": "/admin/brokers/position/1/change/",
    "accounts": "/admin/brokers/accountvalue/",
    "instruments": "/admin/brokers/instrument/",
    "instrument": "/admin/brokers/instrument/1/change/",
    "session": "/admin/brokers/gatewaysession/main/change/",
    "gateway": "/admin/desk/gateways/main/",
    "breaks": "/admin/orders/break/",
    "alerts": "/admin/orders/alert/",
    "limits": "/admin/orders/accountlimit/",
    "people": "/admin/auth/user/",
    "second-factor": "/admin/desk/second-factor/",
}
PICTURE: FloatRect = {"x": 0, "y": 0, "width": 1280, "height": 620}  # small enough to keep in the repository
WITH_MARKET = ("ticket", "instrument")
#: One page of each make; all pages, at three widths and in both themes: tests/soak/test_every_page.py.
LOOKED_AT = tuple(PAGES) if IMAGES else ("dashboard", "order", "ticket", "basket", "session", "breaks")
DARK = ("blotter", "ticket")


@pytest.fixture(scope="module")
def order(stack: System) -> str:
    """A day's worth of orders, a break and an alert; the id of an order that was filled."""
    for number in range(8):
        side = "SELL" if number % 3 else "BUY"
        stack.api.placed(("AAPL", "MSFT", "SPY")[number % 3], side=side, order_qty=str(10 + number))
        stack.api.placed("IBM", ord_type="LIMIT", price=str(1 + number))
    stack.api.place("TSLA", order_qty="20000")
    stack.manage("shell", "-c", ONE_OF_EACH)
    filled = stack.api.placed("NVDA", order_qty="40")
    eventually(lambda: stack.api.state(filled["id"]) == "COMPLETED", limit=90)
    return str(filled["id"])


def look(page: Page, order: str, name: str) -> list[str]:
    """Open a page, keep its picture if asked for, and give its faults."""
    page.add_init_script("localStorage.setItem('deskHintsRead', '1')")
    page.goto(PAGES[name].format(order=order))
    page.wait_for_timeout(600)  # fonts, charts and the first live answer
    if IMAGES and name in WITH_MARKET:
        expect(page.locator("[data-c=bp4]")).to_have_text(re.compile(r"\d"))
    if IMAGES:
        page.screenshot(path=str(Path(IMAGES) / f"{name}.png"), clip=PICTURE)
    return [f"{name}: {fault}" for fault in serious(page)]


@pytest.mark.timeout(600)  # all of them, for pictures
def test_no_page_has_a_serious_fault(boss: Page, order: str) -> None:
    assert [fault for name in LOOKED_AT for fault in look(boss, order, name)] == []


@pytest.mark.soak
def test_no_dark_page_has_a_serious_fault(boss: Page, order: str) -> None:
    boss.goto("/admin/")
    boss.keyboard.press("Control+e")
    boss.keyboard.press("Control+e")
    boss.evaluate("localStorage.setItem('adminTheme', JSON.stringify('dark'))")
    faults = []
    for name in DARK:
        boss.goto(PAGES[name].format(order=order))
        expect(boss.locator("html.dark")).to_have_count(1)
        faults += [f"dark {name}: {fault}" for fault in serious(boss)]
    boss.evaluate("localStorage.setItem('adminTheme', JSON.stringify('light'))")
    assert faults == []


BASKET = """account,symbol,side,order_qty,ord_type,price
DU1234567,AAPL,BUY,1,LIMIT,1
DU1234567,AAPL,HOLD,1,LIMIT,1
"""


def test_no_dialog_or_detail_page_has_a_serious_fault(
    boss: Page, browser: Browser, stack: System, order: str, tmp_path: Path
) -> None:
    faults = []

    def judge(name: str) -> None:
        if IMAGES:
            boss.screenshot(path=str(Path(IMAGES) / f"{name}.png"), clip=PICTURE)
        faults.extend(f"{name}: {fault}" for fault in serious(boss))

    working = stack.api.placed(ord_type="LIMIT", price="1")
    boss.goto(f"/admin/orders/order/{working['id']}/change/")
    boss.click("[data-act=cancel]")
    expect(boss.locator("dialog[open]")).to_contain_text("Keep order")
    judge("cancel-dialog")
    (tmp_path / "b.csv").write_text(BASKET)
    boss.goto("/admin/desk/basket/")
    boss.set_input_files("#file", tmp_path / "b.csv")
    boss.get_by_role("button", name="Check the file").click()
    expect(boss.locator("tr.doubt-row")).to_contain_text("This must be one of BUY, SELL, SELL_SHORT")
    judge("basket-check")
    for name in ("break", "alert"):
        boss.goto(f"/admin/orders/{name}/")
        boss.locator("#result_list tbody th a").first.click()
        expect(boss.locator("p[role=status]")).to_be_visible()
        judge(name)
    with browser.new_context(base_url=stack.urls.http) as stranger:
        login = stranger.new_page()
        login.goto("/admin/login/")
        faults += [f"login: {fault}" for fault in serious(login)]
    assert faults == []


ONE_OF_EACH = """
from django.utils import timezone as t
from orders.models import Alert, Break
Break.objects.create(session_id="main", kind="CASH", key="DU1234567 NOK", account_id="DU1234567",
    text="Cash in NOK: ours is 1,000.00, the broker's 1,004.20.",
    ours={"currency": "NOK", "expected": "1000.00"}, broker={"reported": "1004.20"},
    first_seen=t.now(), last_seen=t.now(), agreeing_runs=-1000)
Alert.objects.create(kind="SESSION", session_id="main", subject="x",
    text="The gateway said 100: too many messages", raised_at=t.now(), last_raised_at=t.now())
"""


@pytest.fixture
def viewer(stack: System, browser: Browser) -> Iterator[Page]:
    """A person who may look at one account and do nothing."""
    password = "look-only-17"
    stack.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import Group, User; from orders.models import DeskProfile;"
        "from brokers.models import BrokerAccount;"
        f"u, _ = User.objects.get_or_create(username='vic', defaults={{'is_staff': True}});"
        f"u.set_password('{password}'); u.save(); u.groups.set([Group.objects.get(name='viewer')]);"
        "p, _ = DeskProfile.objects.get_or_create(user=u); p.accounts.set(BrokerAccount.objects.all())",
    )
    with log_in(stack, browser, "vic", password) as context:
        yield context.new_page()


def test_without_the_right_there_is_no_button_and_no_way(viewer: Page, order: str) -> None:
    viewer.goto(f"/admin/orders/order/{order}/change/")
    expect(viewer.locator('[data-part="head"]')).to_contain_text("Completed")
    assert viewer.locator("[data-act]").count() == 0
    assert viewer.get_by_role("link", name="New order").count() == 0
    assert viewer.goto("/admin/desk/ticket/").status == 403  # type: ignore[union-attr]
    assert viewer.goto(f"/admin/desk/orders/{order}/cancel/").status == 403  # type: ignore[union-attr]


def test_sending_is_paused_seen_and_resumed(boss: Page, stack: System) -> None:
    boss.goto("/admin/brokers/gatewaysession/main/change/")
    boss.fill("#reason", "maintenance")
    boss.get_by_role("button", name="Pause sending").click()
    expect(boss.locator('[data-part="session"]')).to_contain_text("Gate shut")
    waiting = stack.api.placed()
    boss.wait_for_timeout(1500)
    assert stack.api.state(waiting["id"]) == "CREATED"
    boss.fill("#reason", "done")
    boss.get_by_role("button", name="Resume sending").click()
    eventually(lambda: stack.api.state(waiting["id"]) in ("COMPLETED", "FAILED"), limit=60)
    boss.fill("#reason", "to be sure")
    boss.get_by_role("button", name="Reconcile now").click()
    expect(boss.locator('[data-part="session"]')).to_contain_text("agrees", timeout=WAIT)


def test_a_break_is_explained_and_closed(boss: Page, stack: System) -> None:
    # Both sides agree in truth: without runs to its debit, two comparisons would close it meanwhile.
    stack.manage(
        "shell",
        "-c",
        "from django.utils import timezone as t; from orders.models import Break;"
        "Break.objects.create(session_id='main', kind='EXECUTION', key='test-exec', account_id='DU1234567',"
        "text='The broker shows an execution that we do not have', ours={'last_qty': '0'},"
        "broker={'last_qty': '5', 'last_px': '200'},"
        "first_seen=t.now(), last_seen=t.now(), agreeing_runs=-1000)",
    )
    boss.goto("/admin/orders/break/?kind__exact=EXECUTION")
    boss.locator("#result_list tbody a, #result_list tbody th a").first.click()
    expect(boss.locator("tr.doubt-row")).to_contain_text("+5")
    boss.fill("#text", "A trade by hand, booked by operations")
    boss.get_by_role("button", name="Explain and close").click()
    expect(boss.locator('p[role="status"]')).to_contain_text("Closed")
