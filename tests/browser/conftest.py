"""The desk in a real browser against a whole running system."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tradedesk.stack.system import System

HERE = "tests/browser/"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
#: Only where Prometheus is: no wheel brings it. .ci/run installs it.
collect_ignore = [] if shutil.which("prometheus") else ["test_monitoring.py"]
#: Where alerts could go: nobody listens there, and its last part is a secret.
CHANNELS = {"TRADEDESK_ALERT_CHANNELS": "chat=json://127.0.0.1:1/hidden-word"}
WAIT = 60_000  # ms; the machine may be busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These wait for real processes and a browser on a machine that may be busy."""
    for item in items:
        if item.nodeid.startswith(HERE):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One running system for all pages."""
    with System(tmp_path_factory.mktemp("stack"), **CHANNELS) as system:
        yield system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, the lighter shell first, or whichever playwright brought along.

    Not for longer than a module: while it is open an event loop counts as running in this thread, and
    Django refuses its database to every other test of the process.
    """
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        with playwright.chromium.launch(executable_path=found, args=FLAGS) as chromium:
            yield chromium


def log_in(stack: System, browser: Browser, name: str, password: str) -> BrowserContext:
    """A browser window of a person who has logged in by the form."""
    context = browser.new_context(
        base_url=stack.urls.http, viewport={"width": 1280, "height": 800}, accept_downloads=True
    )
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto("/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.wait_for_selector("#desk-frame")
    page.close()
    return context


@pytest.fixture(scope="module")
def boss_window(stack: System, browser: Browser) -> Iterator[BrowserContext]:
    """The desk's first user."""
    password = (stack.options.data / "desk_password").read_text().strip()
    with log_in(stack, browser, "desk", password) as context:
        yield context


def is_error(said: ConsoleMessage) -> bool:
    """Errors of scripts and policy; a refused request is for the test itself to judge."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


@pytest.fixture
def boss(boss_window: BrowserContext) -> Iterator[Page]:
    """A page of the desk's first user; no script error and no breach of the content policy goes unseen."""
    page = boss_window.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if is_error(said) else None)
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="module")
def second_window(stack: System, browser: Browser) -> Iterator[BrowserContext]:
    """A second person at the desk, elsewhere."""
    password = (stack.options.data / "approver_password").read_text().strip()
    with log_in(stack, browser, "approver", password) as window:
        yield window


@pytest.fixture
def second(second_window: BrowserContext) -> Iterator[Page]:
    """A page of theirs."""
    page = second_window.new_page()
    yield page
    page.close()
