"""Every page in a browser: what axe calls serious, and whether the page is wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.db.models import Model
from playwright.sync_api import Page

from tests.pages import every_url
from tradedesk.stack.system import System

WIDTHS = {"wide": 1440, "desk": 1280, "phone": 390}


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical: rule and first place."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {each['nodes'][0]['target']} {each['nodes'][0]['html'][:120]}" for each in bad]


def pages_of(page: Page, stack: System) -> Iterator[tuple[str, str]]:
    """The name and URL of each route that answers with a page of the desk."""

    def first(model: type[Model]) -> Any:
        meta = model._meta
        assert meta.pk is not None
        rows = stack.rows(f'SELECT "{meta.pk.column}" FROM "{meta.db_table}" ORDER BY 1 DESC LIMIT 1')
        return rows[0][0] if rows else None

    for name, url in every_url(first).items():
        answer = page.request.get(url, max_redirects=0, timeout=60_000)
        if answer.status == 200 and "text/html" in answer.headers["content-type"]:
            if "</html>" in answer.text():
                yield name, url
        else:
            assert answer.status < 500, f"{name} answers {answer.status}"


def faults_of(page: Page, name: str, url: str) -> list[str]:
    """What is wrong with a page as it is seen now."""
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("main, #main, #content", state="attached")
    found = serious(page)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{name}: {fault}" for fault in (found + [f"{wider} px wider than the screen"] * (wider > 0))]


def set_theme(page: Page, theme: str) -> None:
    """Light or dark, as the person would have chosen it."""
    page.goto("/admin/")
    page.evaluate(f"localStorage.setItem('adminTheme', JSON.stringify('{theme}'))")
