"""An advisor's desk: a group order is typed, filled whole and shared out before one's eyes.

With DESK_IMAGES set to a folder, a picture of the shares is written there (`make pictures`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT, boss, boss_window, browser
from tests.browser.test_pages import IMAGES, PICTURE
from tests.browser.test_ticket import send
from tests.browser.walk import serious
from tradedesk.stack.system import System

__all__ = ["boss", "boss_window", "browser"]

MASTER, CLIENTS = "DF1000", ("DU1234567", "DU2")


class Advised(System):
    """A system whose gateway is logged in as an advisor."""

    def start_all(self) -> None:
        gateway = self.processes["simgateway"]
        login = ("--advisor", MASTER, "--accounts", ",".join(CLIENTS))
        self.processes["simgateway"] = replace(gateway, argv=(*gateway.argv, *login))
        super().start_all()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    accounts = ",".join((MASTER, *CLIENTS))
    with Advised(tmp_path_factory.mktemp("stack"), TRADEDESK_ACCOUNTS=accounts) as system:
        yield system


def typed(boss: Page, **values: str) -> None:
    boss.goto("/admin/desk/ticket/")
    boss.check('input[name=side][value="BUY"]')
    boss.select_option("#f-account", MASTER)
    boss.select_option("#f-ord_type", values.pop("ord_type"))
    for name, text in values.items():
        boss.fill(f"#f-{name}", text)


def test_a_group_order_is_typed_and_its_shares_add_up(boss: Page) -> None:
    typed(boss, ord_type="MARKET", symbol="AAPL", order_qty="30", allocation="AllClients:Equal")
    send(boss)
    expect(boss.locator('[data-part="head"]')).to_contain_text("Completed", timeout=WAIT)
    shares = boss.locator("table", has_text="Shares of the accounts: 30 of 30")
    for account in CLIENTS:
        expect(shares.locator("tr", has_text=account)).to_contain_text("15", timeout=WAIT)
    assert serious(boss) == []
    if IMAGES:
        shares.scroll_into_view_if_needed()
        boss.screenshot(path=str(Path(IMAGES) / "shares.png"), clip=PICTURE)


def test_a_group_that_the_gateway_does_not_know_is_named_before_sending(boss: Page) -> None:
    typed(boss, ord_type="LIMIT", price="1", symbol="AAPL", order_qty="30", allocation="Nobody")
    expect(boss.locator("#ticket")).to_contain_text("it knows AllClients", timeout=WAIT)
    expect(boss.locator("#review")).to_be_disabled()
