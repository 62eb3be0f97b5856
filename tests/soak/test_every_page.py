"""Every page of the desk at three widths in two themes: nothing serious by axe, no sideways scroll."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import boss, boss_window, browser, stack
from tests.browser.test_pages import order
from tests.browser.walk import WIDTHS, faults_of, pages_of, set_theme
from tradedesk.stack.system import System

__all__ = ["boss", "boss_window", "browser", "order", "stack"]


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_has_a_serious_fault_or_scrolls_sideways(
    boss: Page, stack: System, width: str, theme: str
) -> None:
    set_theme(boss, theme)
    boss.set_viewport_size({"width": WIDTHS[width], "height": 800})
    assert [fault for name, url in pages_of(boss, stack) for fault in faults_of(boss, name, url)] == []
