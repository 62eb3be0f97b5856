"""The blotter: live, by keyboard, with views, sums, files and a cancel of many."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.clients import ACCOUNT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

FAR = {"ord_type": "LIMIT", "price": "1"}  # never filled


def test_a_row_follows_its_order_without_a_reload(boss: Page, stack: System) -> None:
    order = stack.api.placed(**FAR)
    boss.goto("/admin/orders/order/?view=open")
    row = boss.locator(f'tr[data-id="{order["id"]}"]')
    expect(row).to_contain_text("Working", timeout=WAIT)
    stack.api.cancel(order["id"])
    expect(row).to_contain_text("Canceled", timeout=WAIT)


def test_new_orders_wait_behind_a_pill(boss: Page, stack: System) -> None:
    boss.goto("/admin/orders/order/")
    order = stack.api.placed(**FAR)
    expect(boss.locator("#desk-pill")).to_be_visible(timeout=WAIT)
    assert boss.locator(f'tr[data-id="{order["id"]}"]').count() == 0
    boss.keyboard.press("n")
    expect(boss.locator(f'tr[data-id="{order["id"]}"]')).to_be_visible()


def test_an_order_that_comes_while_the_page_loads_waits(boss: Page, stack: System) -> None:
    def place_first(route: Route) -> None:  # the page is made, and listens to nothing yet
        order = stack.api.placed(**FAR)
        eventually(lambda: stack.api.state(order["id"]) == "PENDING", limit=60)
        route.continue_()

    boss.route("**/desk/live*.js*", place_first, times=1)
    boss.goto("/admin/orders/order/")
    expect(boss.locator("#desk-pill")).to_contain_text("1 new", timeout=WAIT)


def test_an_order_is_found_and_canceled_by_keys_alone(boss: Page, stack: System) -> None:
    order = stack.api.placed(**FAR)
    boss.goto("/admin/orders/order/")
    boss.wait_for_timeout(300)
    boss.keyboard.press("/")
    boss.keyboard.type(order["cl_ord_id"])
    boss.keyboard.press("Enter")
    expect(boss.locator("tbody tr[data-id]")).to_have_count(1)
    expect(boss.locator("tbody tr[data-id]")).to_contain_text("Working", timeout=WAIT)
    boss.keyboard.press("j")
    boss.keyboard.press("c")
    expect(boss.locator("dialog[open]")).to_contain_text("can still fill")
    expect(boss.get_by_role("button", name="Keep order")).to_be_focused()
    boss.keyboard.press("Tab")
    boss.keyboard.press("Enter")
    expect(boss.locator("tbody tr[data-id]")).to_contain_text("Canceled", timeout=WAIT)


def test_many_orders_are_canceled_after_their_number_was_typed(boss: Page, stack: System) -> None:
    asked = [limit_order("IBM", "BUY", "1") for _ in range(38)]
    assert stack.api.post("/orders/bulk", json={"orders": asked}).status_code < 300
    names = [order["cl_ord_id"] for order in asked]

    def all_are(state: str) -> bool:
        count = "SELECT count(*) FROM orders_order WHERE cl_ord_id = ANY(%s) AND state = %s"
        return bool(stack.rows(count, names, state)[0][0] == len(names))

    eventually(lambda: all_are("PENDING"), limit=60)
    boss.goto("/admin/orders/order/?view=open&q=IBM")
    boss.check("#action-toggle")
    boss.select_option("select[name=action]", "cancel_chosen")
    boss.get_by_role("button", name="Run").click()
    expect(boss.locator('p[role="status"]')).to_contain_text("can be canceled")
    boss.fill("#typed", str(boss.locator("tbody tr[data-id]").count()))
    boss.locator("button.strong").click()
    expect(boss.locator('[data-part="job"]')).to_contain_text("Done.", timeout=WAIT)
    eventually(lambda: all_are("CANCELED"), limit=60)


def test_a_view_is_saved_and_shown_as_a_chip(boss: Page, stack: System) -> None:
    boss.goto("/admin/orders/order/?view=all&side__exact=SELL")
    boss.get_by_role("button", name="+ save this view").click()
    boss.fill("#view-name", "Sells")
    boss.get_by_role("button", name="Save view").click()
    expect(boss.locator('a.desk-chip[aria-current="page"]')).to_have_text("Sells")


def test_a_view_is_taken_home_as_csv_and_xlsx(boss: Page, stack: System) -> None:
    order = stack.api.placed(**FAR)
    boss.goto(f"/admin/orders/order/?q={order['cl_ord_id']}")
    for kind, start in (("CSV", b"id,cl_ord_id"), ("XLSX", b"PK")):
        with boss.expect_download() as download:
            boss.get_by_role("link", name=kind, exact=True).click()
        content = download.value.path().read_bytes()
        assert content.startswith(start)
        assert kind == "XLSX" or order["cl_ord_id"].encode() in content


TOPS = """() => ["#content", "nav.desk-bar", ".desk-scroll"].map(
    (name) => Math.round(document.querySelector(name).getBoundingClientRect().top))"""
COVERED = """() => {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const bar = box("#changelist-actions-wrapper");
    return box(".desk-scroll").bottom > bar.top && box(".desk-scroll").top < bar.bottom;
}"""


def test_neither_the_pill_nor_the_bulk_bar_moves_or_covers_rows(boss: Page, stack: System) -> None:
    for _ in range(25):
        stack.api.placed("SPY", **FAR)
    boss.goto("/admin/orders/order/?view=open")
    expect(boss.locator("#desk-strip")).to_contain_text("gate open", timeout=WAIT)
    boss.evaluate("document.fonts.ready")
    before = boss.evaluate(TOPS)
    stack.api.placed("SPY", **FAR)
    expect(boss.locator("#desk-pill")).to_be_visible(timeout=WAIT)
    boss.locator(".action-select").first.check()
    expect(boss.locator("#changelist-actions-wrapper")).to_be_visible()
    assert boss.evaluate(TOPS) == before
    assert not boss.evaluate(COVERED)


OUT_OF_SIGHT = """() => {
    const bars = [...document.querySelectorAll(".desk-bar")];
    const clipped = bars.filter((bar) => bar.scrollWidth > bar.clientWidth);
    const wider = [...document.querySelectorAll(".desk-chip")].filter(
        (chip) => chip.getBoundingClientRect().right > innerWidth);
    return [...clipped, ...wider].map((each) => each.getAttribute("aria-label") ?? each.textContent);
}"""


@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_no_view_grouping_or_choice_of_columns_is_out_of_sight(boss: Page, width: int) -> None:
    boss.set_viewport_size({"width": width, "height": 844})
    boss.goto("/admin/orders/order/")
    boss.evaluate("document.fonts.ready")
    expect(boss.get_by_role("button", name="Columns…")).to_be_in_viewport(ratio=1)
    assert boss.evaluate(OUT_OF_SIGHT) == []


NARROW = {"width": 390, "height": 844}
NARROW_PAGES = ("/admin/", "/admin/desk/ticket/", "/admin/desk/trading-states/", "/admin/brokers/position/")


def test_on_a_phone_nothing_is_wider_than_the_screen(boss: Page) -> None:
    wider = []
    boss.set_viewport_size(NARROW)  # type: ignore[arg-type]
    for place in NARROW_PAGES:
        boss.goto(place)
        if boss.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wider.append(place)
    assert wider == []


def columns(page: Page) -> list[str]:
    """The headings of the blotter, without the first and the last, which hold no column."""
    return [text.strip(" ▲▼") for text in page.locator("#result_list thead th").all_inner_texts()[1:-1]]


@pytest.mark.soak
def test_columns_are_chosen_ordered_and_kept(boss: Page, stack: System) -> None:
    stack.api.placed(**FAR)
    boss.goto("/admin/orders/order/")
    assert "Notional" not in columns(boss)
    boss.get_by_role("button", name="Columns…").click()
    boss.get_by_role("checkbox", name="Notional").check()
    for _ in range(20):
        boss.get_by_role("button", name="Move Notional to the left").click()
    boss.get_by_role("button", name="Keep columns").click()
    boss.wait_for_url("**/admin/orders/order/")
    kept = columns(boss)
    assert "Notional" in kept[:4]
    boss.context.clear_cookies(name="desk_zone")
    boss.goto("/admin/orders/order/?view=all")
    assert columns(boss) == kept
    boss.get_by_role("button", name="Columns…").click()
    boss.get_by_role("button", name="The desk's own").click()
    expect(boss.get_by_role("columnheader", name="Notional")).to_have_count(0)


def test_a_heading_sorts_and_says_so(boss: Page, stack: System) -> None:
    for price in ("3", "1", "2"):
        stack.api.placed("GOOG", ord_type="LIMIT", price=price)
    boss.goto("/admin/orders/order/?view=open&q=GOOG")
    for wanted, order in (("ascending", ["1.00", "2.00", "3.00"]), ("descending", ["3.00", "2.00", "1.00"])):
        boss.get_by_role("link", name="Limit / stop").click()
        expect(boss.locator(f'th[aria-sort="{wanted}"]')).to_contain_text("Limit / stop")
        assert boss.locator('td[data-c="limit"]').all_inner_texts() == order


WHOLE_ROWS = """() => {
    const box = document.querySelector(".desk-scroll").getBoundingClientRect();
    const head = document.querySelector("#result_list thead").getBoundingClientRect();
    const bottom = Math.min(box.bottom, innerHeight);
    const all = [...document.querySelectorAll("#result_list tbody tr")];
    const rows = all.map((row) => row.getBoundingClientRect());
    return rows.filter((row) => row.top >= head.bottom - 1 && row.bottom <= bottom).length;
}"""
WIDER = """() => {
    const box = document.querySelector(".desk-scroll");
    return box.scrollWidth - box.clientWidth;
}"""


def test_21_rows_with_every_column_are_seen_at_once(boss: Page, stack: System) -> None:
    for _ in range(25):
        stack.api.placed("SPY", **FAR)
    boss.goto("/admin/orders/order/")
    boss.evaluate("document.fonts.ready")
    assert boss.evaluate(WHOLE_ROWS) >= 21
    assert boss.evaluate(WIDER) <= 0


def test_an_order_is_replaced_from_its_row(boss: Page, stack: System) -> None:
    order = stack.api.placed(**FAR)
    eventually(lambda: stack.api.state(order["id"]) == "PENDING", limit=60)
    boss.goto(f"/admin/orders/order/?q={order['cl_ord_id']}")
    boss.keyboard.press("j")
    boss.keyboard.press("r")
    boss.locator("dialog[open]").get_by_label("Limit").fill("2")
    boss.locator("dialog[open]").get_by_role("button", name="Replace order").click()
    expect(boss.locator('td[data-c="limit"]')).to_have_text("2.00", timeout=WAIT)
    assert "/orders/order/?q=" in boss.url


def limit_order(symbol: str, side: str, price: str) -> dict[str, Any]:
    """What a limit order asks for."""
    return {
        "cl_ord_id": f"desk-{uuid.uuid4()}",
        "account": ACCOUNT,
        "instrument": {"symbol": symbol, "sec_type": "STK", "exchange": "SMART", "currency": "USD"},
        "side": side,
        "order_qty": "10",
        "ord_type": "LIMIT",
        "price": price,
    }


def test_a_bad_tick_among_many_is_named_and_corrected(boss: Page, stack: System) -> None:
    orders = [stack.api.placed("META", ord_type="LIMIT", price=price) for price in ("1", "2")]
    eventually(lambda: all(stack.api.state(order["id"]) == "PENDING" for order in orders), limit=60)
    boss.goto("/admin/orders/order/?view=open&q=META")
    boss.check("#action-toggle")
    boss.select_option("select[name=action]", "replace_chosen")
    boss.get_by_role("button", name="Run").click()
    boss.select_option("#price_by", "ticks")
    boss.fill("#price_amount", "3")
    boss.get_by_role("button", name="Fill in and check").click()
    first, second = (boss.get_by_label(f"New price of {order['cl_ord_id']}") for order in orders)
    expect(first).to_have_value("1.03")
    expect(second).to_have_value("2.03")
    first.fill("1.033")
    boss.get_by_role("button", name="Check again").click()
    expect(boss.locator('div[role="alert"] li')).to_contain_text(f"{orders[0]['cl_ord_id']} (META)")
    expect(first).to_have_value("1.033")
    expect(second).to_have_value("2.03")
    first.fill("1.04")
    boss.get_by_role("button", name="Check again").click()
    boss.get_by_role("button", name="Replace 2 orders").click()
    expect(boss.locator('[data-part="job"]')).to_contain_text("Done.", timeout=WAIT)
    boss.goto("/admin/orders/order/?view=open&q=META&sort=limit")
    expect(boss.locator('td[data-c="limit"]').first).to_have_text("1.04", timeout=WAIT)


PLACES = """() => [...document.querySelectorAll("#result_list tbody tr")].map(
    (row) => `${row.dataset.id} ${Math.round(row.getBoundingClientRect().top)}`)"""


def test_500_orders_that_arrive_while_sorted_and_grouped_move_nothing(boss: Page, stack: System) -> None:
    for symbol in ("SPY", "QQQ", "SPY"):
        stack.api.placed(symbol, **FAR)
    boss.goto("/admin/orders/order/?view=open&group=symbol&sort=-limit")
    expect(boss.locator("tr.group-row").first).to_contain_text("leaves")
    expect(boss.locator("#desk-strip")).to_contain_text("gate open", timeout=WAIT)
    boss.evaluate("document.fonts.ready")
    before = boss.evaluate(PLACES)
    for _ in range(5):
        orders = [limit_order("SPY", "BUY", "1") for _ in range(100)]
        assert stack.api.post("/orders/bulk", json={"orders": orders}).status_code < 300
    expect(boss.locator("#desk-pill")).to_contain_text("500 new", timeout=WAIT)
    assert boss.evaluate(PLACES) == before
    boss.keyboard.press("n")
    expect(boss.locator("tr.group-row", has_text="SPY")).to_contain_text("orders")
    assert boss.url.endswith("group=symbol&sort=-limit")


def test_a_parent_is_one_row_that_opens_and_is_canceled_whole(boss: Page, stack: System) -> None:
    pair = [limit_order("TSLA", "BUY", "1"), limit_order("TSLA", "BUY", "2")]
    body = {"list_id": f"pair-{uuid.uuid4()}", "kind": "OCA", "orders": pair}
    answer = stack.api.post("/groups", json=body)
    assert answer.status_code == 201, answer.text
    boss.goto("/admin/orders/order/?view=open&q=TSLA")
    head, orders = boss.locator("tr.group-row"), boss.locator("tr[data-id]")
    expect(orders).to_have_count(2)
    expect(orders.first).to_be_hidden()
    head.locator("[data-toggle]").click()
    expect(orders.first).to_be_visible()
    head.get_by_role("button", name="Cancel all of").click()
    expect(boss.locator("dialog[open]")).to_contain_text(pair[0]["cl_ord_id"])
    boss.get_by_role("button", name="Cancel whole group").click()
    expect(boss.locator("body")).to_contain_text("Cancel asked of 2 orders", timeout=WAIT)


#: Instead of a loudspeaker and a desktop: what they are asked to do.
RECORDER = """
window.told = { sounds: 0, notices: [] };
window.AudioContext = class {
    currentTime = 0;
    resume() {}
    createGain() { return { gain: {}, connect: (to) => to }; }
    createOscillator() {
        return { frequency: {}, connect: (to) => to, stop() {}, start: () => { window.told.sounds += 1; } };
    }
};
window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, { body }) { window.told.notices.push(`${title}: ${body}`); }
};
"""


def test_what_was_chosen_is_told_by_one_tab_and_nothing_else_is(boss: Page, stack: System) -> None:
    boss.add_init_script(RECORDER)
    boss.goto("/admin/orders/order/")
    boss.get_by_role("button", name="Notices…").click()
    for way in ("a sound", "a notice of the desktop"):
        boss.get_by_label(f"Fills: {way}").check()
    boss.get_by_role("button", name="Keep notices").click()
    expect(boss.locator("body")).to_contain_text("Your notices are kept.")
    working = stack.api.placed(**FAR)
    eventually(lambda: stack.api.state(working["id"]) == "PENDING", limit=60)
    placed = []

    def fill_first(route: Route) -> None:  # the page is made, and listens to nothing yet
        placed.append(stack.api.placed())
        eventually(lambda: stack.api.state(placed[0]["id"]) == "COMPLETED", limit=60)
        route.continue_()

    boss.route("**/desk/live*.js*", fill_first, times=1)
    boss.reload()
    [filled] = placed
    boss.wait_for_function("window.told.notices.length > 0 && window.told.sounds >= 2", timeout=WAIT)
    told = boss.evaluate("window.told")
    assert filled["cl_ord_id"] in told["notices"][0] and "with a fill" in told["notices"][0]
    assert working["cl_ord_id"] not in "".join(told["notices"])
    boss.get_by_role("button", name="Notices…").click()
    expect(boss.get_by_label("Fills: a sound")).to_be_checked()
    for way in ("a sound", "a notice of the desktop"):
        boss.get_by_label(f"Fills: {way}").uncheck()
    boss.get_by_role("button", name="Keep notices").click()
