"""From an empty ticket to a filled order of one's own; changes of it; a basket."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System


def fill(boss: Page, **values: str) -> None:
    """Type a ticket and wait until the check has nothing against it."""
    boss.goto("/admin/desk/ticket/")
    boss.check(f'input[name=side][value="{values.pop("side", "BUY")}"]')
    boss.select_option("#f-ord_type", values.pop("ord_type", "LIMIT"))
    for name, text in values.items():
        boss.fill(f"#f-{name}", text)


def send(boss: Page) -> None:
    """Confirm what is typed."""
    expect(boss.locator("#review")).to_be_enabled(timeout=WAIT)
    boss.click("#review")
    expect(boss.locator("#confirm")).to_be_visible()
    expect(boss.locator("#what-if")).to_contain_text("margin", timeout=WAIT)
    boss.click("#send")
    boss.wait_for_url("**/orders/order/**")


def test_an_order_of_ones_own_is_filled_before_ones_eyes(boss: Page, stack: System) -> None:
    fill(boss, symbol="AAPL", order_qty="7", ord_type="MARKET")
    send(boss)
    expect(boss.locator('[data-part="head"]')).to_contain_text("Completed", timeout=WAIT)
    expect(boss.locator("#executions-title")).to_contain_text("7 at")
    expect(boss.locator('[data-part="events"]')).to_contain_text("client:desk")


def test_a_bracket_is_sent_whole_and_canceled_whole(boss: Page, stack: System) -> None:
    fill(boss, symbol="IBM", order_qty="3", price="1.50")
    boss.select_option("#f-work", "BRACKET")
    boss.fill("#f-take_profit", "9")
    boss.fill("#f-stop_loss", "0.5")
    expect(boss.locator("#check")).to_contain_text("its exits work", timeout=WAIT)
    send(boss)
    family = boss.locator("[data-part=family]")
    expect(family.locator("tbody tr")).to_have_count(3)
    expect(boss.locator("[data-part=head]")).to_contain_text("Working", timeout=WAIT)
    boss.click("[data-act=cancel_group]")
    boss.get_by_role("button", name="Cancel whole group", exact=True).click()
    expect(family.locator("tbody tr", has_text="Canceled")).to_have_count(3, timeout=WAIT)


def test_an_order_in_slices_is_paused_and_resumed(boss: Page, stack: System) -> None:
    fill(boss, symbol="MSFT", order_qty="40", price="1.00")
    boss.select_option("#f-work", "TWAP")
    boss.fill("#f-slices", "4")
    end = datetime.now(UTC) + timedelta(hours=2)
    boss.fill("#f-end_time", end.strftime("%Y-%m-%dT%H:%M"))
    expect(boss.locator("#check")).to_contain_text("In 4 slices", timeout=WAIT)
    boss.click("#review")
    boss.click("#send")
    boss.wait_for_url("**/desk/slices/**")
    part = boss.locator("[data-part=sliced]")
    expect(part).to_contain_text("1 of 4 slices made", timeout=WAIT)
    for button, state in (("Pause", "Paused"), ("Resume", "Running"), ("Cancel the rest", "Canceled")):
        boss.fill("#reason", "news at ten")
        boss.get_by_role("button", name=button, exact=True).click()
        expect(part).to_contain_text(state, timeout=WAIT)


def test_the_ticket_shows_the_market_and_a_click_fills_a_price(boss: Page, stack: System) -> None:
    fill(boss, symbol="AAPL", order_qty="1")
    market = boss.locator("[data-part=market]")
    expect(market).to_contain_text("Live.", timeout=WAIT)
    expect(market.locator("[data-c=bp4]")).to_have_text(re.compile(r"\d"), timeout=WAIT)
    market.locator("[data-c=ap0]").click()
    typed = boss.input_value("#f-price")
    assert float(typed) > 1
    expect(boss.locator("#check")).to_contain_text(f"at {typed}", timeout=WAIT)


def test_the_page_of_an_instrument_follows_its_book(boss: Page, stack: System) -> None:
    pk = stack.rows("SELECT id FROM brokers_instrument WHERE symbol = 'MSFT' AND con_id IS NOT NULL")[0][0]
    boss.goto(f"/admin/brokers/instrument/{pk}/change/")
    best = boss.locator("[data-c=bp0]")
    expect(best).to_have_text(re.compile(r"\d"), timeout=WAIT)
    slots = boss.locator(".desk-ladder tbody tr").count()
    stack.control.post("/prices", json={"symbol": "MSFT", "price": "77"}).raise_for_status()
    expect(best).to_have_text(re.compile(r"^7\d\."), timeout=WAIT)
    assert boss.locator(".desk-ladder tbody tr").count() == slots == 10
    stack.control.post("/prices", json={"symbol": "MSFT", "price": "415"}).raise_for_status()


def test_what_is_wrong_is_said_at_its_field_while_typing(boss: Page, stack: System) -> None:
    fill(boss, symbol="AAPL", order_qty="7", price="200.001")
    expect(boss.locator("#e-price")).to_contain_text("tick", timeout=WAIT)
    expect(boss.locator("#review")).to_be_disabled()
    boss.fill("#f-symbol", "NOSUCH")
    expect(boss.locator("#e-symbol")).to_contain_text("no instrument", timeout=WAIT)


def test_an_instrument_is_asked_from_the_broker(boss: Page, stack: System) -> None:
    fill(boss, symbol="KO", order_qty="1", price="1.00")
    boss.click("#ask")
    said = boss.locator("#quote")
    expect(said).to_contain_text(re.compile("KO .*tick|The broker knows no"), timeout=WAIT)


TWICE = """async () => {
    const form = document.getElementById("ticket");
    const post = () => fetch(form.action, { method: "POST", body: new FormData(form) });
    return (await Promise.all([post(), post()])).map((answer) => answer.url);
}"""


def test_the_same_ticket_sent_three_times_is_one_order(boss: Page, stack: System) -> None:
    fill(boss, symbol="MSFT", order_qty="3", price="1.00")
    before = stack.rows("SELECT count(*) FROM orders_order")[0][0]
    first, second = boss.evaluate(TWICE)
    assert first == second
    send(boss)
    assert boss.url == first
    assert stack.rows("SELECT count(*) FROM orders_order")[0][0] == before + 1


def test_enter_in_a_field_checks_and_leaves_send_as_it_was(boss: Page, stack: System) -> None:
    fill(boss, symbol="MSFT", order_qty="4", price="1.00")
    boss.press("#f-price", "Enter")
    expect(boss.locator("#review")).to_be_enabled(timeout=WAIT)
    boss.click("#review")
    expect(boss.locator("#send")).to_be_enabled(timeout=WAIT)


def test_a_login_that_ended_is_said_and_what_was_typed_is_sent_after_another(
    boss: Page, stack: System
) -> None:
    fill(boss, symbol="MSFT", order_qty="6", price="1.00")
    expect(boss.locator("#review")).to_be_enabled(timeout=WAIT)
    kept = boss.context.cookies()
    boss.context.clear_cookies(name="sessionid")
    boss.click("#review")
    expect(boss.locator("#what-if")).to_contain_text("You are logged out, and nothing was sent", timeout=WAIT)
    expect(boss.locator("#send")).to_be_disabled()
    expect(boss.locator("#desk-live-text a")).to_have_text("You are logged out: log in again", timeout=WAIT)
    boss.context.add_cookies(kept)  # type: ignore[arg-type]
    boss.keyboard.press("Escape")
    boss.press("#f-price", "Enter")
    send(boss)
    expect(boss.locator('[data-part="head"]')).to_contain_text("0 / 6 MSFT", timeout=WAIT)


def log_in_as(page: Page, stack: System, name: str) -> None:
    """End the login of this browser, and log in again by the form that its page leads to."""
    page.context.clear_cookies(name="sessionid")
    page.locator("#desk-live-text a").click(timeout=WAIT)
    page.fill("#id_username", name)
    page.fill("#id_password", (stack.options.data / f"{name}_password").read_text().strip())
    page.keyboard.press("Enter")
    page.wait_for_selector("#ticket")


def test_a_ticket_is_typed_again_after_the_login_of_its_own_person_only(boss: Page, stack: System) -> None:
    fill(boss, symbol="MSFT", order_qty="8", side="SELL", price="999")
    boss.select_option("#f-work", "BRACKET")
    boss.fill("#f-take_profit", "0.5")
    key = boss.input_value("[name=key]")
    log_in_as(boss, stack, "desk")
    expect(boss.locator("#kept")).to_contain_text("Nothing was sent")
    assert boss.input_value("[name=key]") == key
    typed = [boss.input_value(f"#f-{name}") for name in ("symbol", "order_qty", "take_profit")]
    assert typed == ["MSFT", "8", "0.5"]
    expect(boss.locator("input[name=side][value=SELL]")).to_be_checked()
    log_in_as(boss, stack, "approver")
    for _ in range(2):  # neither another person finds it, nor its own after them
        expect(boss.locator("#kept")).to_be_hidden()
        assert boss.input_value("#f-order_qty") == ""
        log_in_as(boss, stack, "desk")


def test_an_order_gets_other_terms(boss: Page, stack: System) -> None:
    order = stack.api.placed(ord_type="LIMIT", price="1")
    boss.goto(f"/admin/orders/order/{order['id']}/change/")
    expect(boss.locator('[data-part="head"]')).to_contain_text("Working", timeout=WAIT)
    boss.click("[data-act=replace]")
    for wrong, words in (("2.001", "not valid"), ("2,001", "where the point is the decimal sign")):
        boss.fill("dialog input[name=price]", wrong)
        boss.get_by_role("button", name="Replace order", exact=True).click()
        expect(boss.locator("dialog .desk-error")).to_contain_text(words, timeout=WAIT)
        expect(boss.locator("dialog input[name=price]")).to_have_value(wrong)
    boss.fill("dialog input[name=price]", "2")
    boss.get_by_role("button", name="Replace order", exact=True).click()
    expect(boss.locator('[data-part="head"]')).to_contain_text("2.00", timeout=WAIT)


def basket(folder: Path) -> Path:
    """A file with twelve good rows and one with two wrong cells."""
    head = "account,symbol,side,order_qty,ord_type,price,time_in_force"
    good = [f"DU1234567,AAPL,BUY,{number},MARKET,," for number in range(301, 313)]
    file = folder / "basket.csv"
    file.write_text("\n".join([head, *good, "DU1234567,AAPL,HOLD,x,LIMIT,1,DAY"]))
    return file


def test_a_basket_marks_bad_cells_and_sends_good_rows_once(boss: Page, stack: System, tmp_path: Path) -> None:
    file = basket(tmp_path)
    boss.goto("/admin/desk/basket/")
    boss.set_input_files("#file", file)
    boss.get_by_role("button", name="Check the file").click()
    bad = boss.locator("tr.doubt-row")
    expect(bad).to_contain_text("This must be one of BUY, SELL, SELL_SHORT.")
    expect(bad).to_contain_text('This must be a number in plain notation, such as "229.95".')
    boss.fill("#typed", "12")
    boss.get_by_role("button", name="Send 12 orders").click()
    expect(boss.locator('[data-part="job"]')).to_contain_text("12 of 12 done, 12 accepted", timeout=WAIT)
    boss.goto("/admin/desk/basket/")
    boss.set_input_files("#file", file)
    boss.get_by_role("button", name="Check the file").click()
    expect(boss.locator("body")).to_contain_text("12 of these 12 orders repeat what was asked for before")
    expect(boss.locator("body")).to_contain_text("the same as basket basket.csv, sent")
    boss.get_by_label("Type 12 again to send").fill("12")
    boss.get_by_role("button", name="Send 12 orders").click()
    assert stack.rows("SELECT count(*) FROM orders_order WHERE cl_ord_id LIKE %s", "basket-%")[0][0] == 12


def test_bad_rows_of_two_hundred_are_fixed_in_place_and_all_are_sent(
    boss: Page, stack: System, tmp_path: Path
) -> None:
    head = "account,symbol,side,order_qty,ord_type,price"
    rows = [f"DU1234567,IBM,BUY,{number},LIMIT,0.5" for number in range(1001, 1201)]
    rows[150] = "DU1234567,IBM,HOLD,1151,LIMIT,0.5"
    rows[199] = "DU1234567,IBM,BUY,many,LIMIT,0.5"
    file = tmp_path / "two-hundred.csv"
    file.write_text("\n".join([head, *rows]))
    boss.goto("/admin/desk/basket/")
    boss.set_input_files("#file", file)
    boss.get_by_role("button", name="Check the file").click()
    expect(boss.locator("#problems li")).to_have_count(2, timeout=WAIT)
    boss.get_by_role("link", name="Show only these rows").click()
    lines = boss.locator("tr.doubt-row")
    expect(lines).to_have_count(2)
    for column, text in (("side", "BUY"), ("order_qty", "1200")):
        lines.first.locator(f"input[name={column}]").fill(text)
        lines.first.get_by_role("button").click()
        expect(boss.locator("body")).to_contain_text("is good now.", timeout=WAIT)
    expect(boss.locator("#basket-totals")).to_contain_text("200")
    boss.get_by_label("Type 200").fill("200")
    boss.get_by_role("button", name="Send 200 orders").click()
    expect(boss.locator("[data-part=job]")).to_contain_text("200 of 200 done", timeout=4 * WAIT)


def test_yesterdays_fills_are_taken_as_a_workbook(boss: Page, stack: System, tmp_path: Path) -> None:
    order = stack.api.placed("SPY", order_qty="3")
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=90)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    earlier = "UPDATE orders_execution SET trade_date = %s, transact_time = transact_time - interval '1 day'"
    with stack.connect() as connection:
        connection.execute(f"{earlier} WHERE order_id = %s".encode(), (yesterday, order["id"]))
    boss.goto("/admin/orders/execution/")
    boss.get_by_role("link", name="Yesterday", exact=True).click()
    expect(boss.locator("#result_list")).to_contain_text(str(yesterday))
    expect(boss.locator("[data-part=executions-sums]")).to_contain_text("bought", timeout=WAIT)
    with boss.expect_download() as download:
        boss.get_by_role("link", name="XLSX", exact=True).click()
    download.value.save_as(tmp_path / "fills.xlsx")
    heads, *rows = load_workbook(tmp_path / "fills.xlsx")["executions"].iter_rows(values_only=True)
    found = [dict(zip(heads, row, strict=True)) for row in rows]
    assert {row["trade_date"] for row in found} == {str(yesterday)}
    assert order["cl_ord_id"] in {row["cl_ord_id"] for row in found}
