"""A page in a browser, judged: what axe calls serious, and whether the page is wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.db.models import Model
from playwright.sync_api import Page

from tests.pages import every_url
from tradedesk.stack.system import System

SERIOUS = ("serious", "critical")
#: A script hears of a new size with the next frame.
DRAWN = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical once the page is drawn: rule and first place."""
    page.wait_for_load_state()
    page.evaluate(DRAWN)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    bad = [each for each in found if each["impact"] in SERIOUS]
    return [f"{each['id']}: {each['nodes'][0]['target']} {each['nodes'][0]['html'][:120]}" for each in bad]


def faults(page: Page) -> list[str]:
    """What is wrong with a page at the width that it has now."""
    wider = page.evaluate(WIDER)
    return serious(page) + [f"{wider} px wider than the screen"] * (wider > 0)


def pages_of(page: Page, stack: System) -> Iterator[tuple[str, str]]:
    """The name and URL of each route that answers with a whole page of the desk."""

    def newest(model: type[Model]) -> Any:
        meta = model._meta
        assert meta.pk is not None
        rows = stack.rows(f'SELECT "{meta.pk.column}" FROM "{meta.db_table}" ORDER BY 1 DESC LIMIT 1')
        return rows[0][0] if rows else None

    for name, url in every_url(newest).items():
        answer = page.request.get(url, max_redirects=0, timeout=60_000)
        assert answer.status < 500, f"{name} answers {answer.status}"
        is_page = answer.status == 200 and "text/html" in answer.headers["content-type"]
        if is_page and "</html>" in answer.text():
            yield name, url
