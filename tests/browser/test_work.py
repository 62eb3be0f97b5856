"""Jobs of a day that touch what others see: stale forms, two persons, positions, limits, the kill switch."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import WAIT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

SCOPE = "/admin/desk/limits/scope/?scope=account:DU1234567"


def test_why_an_order_was_rejected_is_said_on_its_page(boss: Page, stack: System) -> None:
    stack.api.place("TSLA", order_qty="20000")
    boss.goto("/admin/orders/order/?view=rejected")
    boss.locator("tr[data-id]", has_text="TSLA").first.locator("th a").click()
    expect(boss.locator("[data-part=sentence]")).to_contain_text("Refused.")
    expect(boss.locator("#checks-title ~ table .state.bad").first).to_be_visible()


def test_all_that_need_a_person_are_reviewed_with_one_reason_from_the_header(
    boss: Page, stack: System
) -> None:
    for _ in range(12):
        stack.api.place("TSLA", order_qty="20000")
    newest = "SELECT cl_ord_id FROM orders_order WHERE state = 'REJECTED' ORDER BY id DESC LIMIT 12"
    refused = [name for (name,) in stack.rows(newest)]
    boss.goto("/admin/")
    needs = boss.get_by_text("More orders need a person: all of them")
    expect(needs).to_be_visible()
    needs.click()
    boss.check("#action-toggle")
    boss.select_option("select[name=action]", "review_chosen")
    boss.get_by_role("button", name="Run").click()
    for name in refused:
        expect(boss.locator(f'a[title="{name}"]')).to_be_visible()
    boss.get_by_label("Reason").fill("a feed that sent thousands for tens")
    boss.get_by_role("button", name=re.compile("Mark .* orders reviewed")).click()
    expect(boss.locator("body")).to_contain_text("they wait for nobody any more", timeout=WAIT)
    boss.goto("/admin/")
    for name in refused:
        expect(boss.locator(f'#calling-title ~ table a[title="{name}"]')).to_have_count(0)


#: Every moment of an order's page: what its head and its sentence say together.
MOMENTS = """() => {
    const text = (part) => document.querySelector(`[data-part="${part}"]`).textContent.trim();
    window.moments = [];
    new MutationObserver(() => moments.push([text("head"), text("sentence")]))
        .observe(document.body, { childList: true, subtree: true });
}"""


def test_no_answer_yet_is_gone_in_the_moment_in_which_the_order_is_completed(
    boss: Page, stack: System
) -> None:
    stack.freeze("simgateway")
    try:
        order = stack.api.place("MSFT", order_qty="2").json()
        eventually(lambda: stack.api.state(order["id"]) in ("SENT", "UNCONFIRMED"), limit=60)
        boss.goto(f"/admin/orders/order/{order['id']}/change/")
        expect(boss.locator("[data-part=sentence]")).to_contain_text(re.compile("no answer|asked"))
        boss.evaluate(MOMENTS)
    finally:
        stack.thaw("simgateway")
    expect(boss.locator("[data-part=head]")).to_contain_text("Completed", timeout=WAIT)
    over = [sentence for head, sentence in boss.evaluate("moments") if "Completed" in head]
    assert over
    assert [sentence for sentence in over if "no answer" in sentence] == []


def test_a_stale_form_overwrites_nothing_and_keeps_what_was_typed(boss: Page, stack: System) -> None:
    order = stack.api.placed("IBM", ord_type="LIMIT", price="1")
    url = f"/admin/orders/order/{order['id']}/change/"
    other = boss.context.new_page()
    for page in (boss, other):
        page.goto(url)
        expect(page.locator("[data-part=head]")).to_contain_text("Working", timeout=WAIT)
        page.click("[data-act=replace]")
        page.fill("dialog input[name=price]", "2" if page is other else "3")
    other.get_by_role("button", name="Replace order", exact=True).click()
    expect(other.locator("[data-part=head]")).to_contain_text("2.00", timeout=WAIT)
    other.close()
    boss.get_by_role("button", name="Replace order", exact=True).click()
    expect(boss.locator("dialog .desk-error")).to_contain_text("look at it and decide again", timeout=WAIT)
    expect(boss.locator("dialog input[name=price]")).to_have_value("3")
    assert stack.rows("SELECT price FROM orders_order WHERE id = %s", order["id"])[0][0] == 2


def with_dialog(page: Page, order: dict[str, Any], act: str) -> None:
    """The order's page, with the dialog of an act open."""
    page.goto(f"/admin/orders/order/{order['id']}/change/")
    expect(page.locator("[data-part=head]")).to_contain_text("Working", timeout=WAIT)
    page.locator(f"[data-act={act}]").dblclick()
    expect(page.locator("dialog[open]")).to_have_count(1)


def press(page: Page, verb: str) -> None:
    page.locator("dialog").get_by_role("button", name=verb, exact=True).click()


def test_who_replaces_what_another_cancels_is_told_and_keeps_what_was_typed(
    boss: Page, second: Page, stack: System
) -> None:
    order = stack.api.placed("IBM", ord_type="LIMIT", price="1")
    with_dialog(second, order, "replace")
    second.fill("dialog input[name=price]", "3")
    with_dialog(boss, order, "cancel")
    press(boss, "Cancel order")
    expect(second.locator("[data-part=head]")).to_contain_text("Canceled", timeout=WAIT)
    press(second, "Replace order")
    expect(second.locator("dialog .desk-error")).to_contain_text("it is CANCELED", timeout=WAIT)
    expect(second.locator("dialog input[name=price]")).to_have_value("3")


def test_a_cancel_is_held_up_by_no_replace_and_a_second_one_says_that_it_is_over(
    boss: Page, second: Page, stack: System
) -> None:
    order = stack.api.placed("IBM", ord_type="LIMIT", price="1")
    with_dialog(boss, order, "cancel")
    with_dialog(second, order, "replace")
    second.fill("dialog input[name=price]", "2")
    press(second, "Replace order")
    expect(second.locator("[data-part=head]")).to_contain_text("2.00", timeout=WAIT)
    second.click("[data-act=cancel]")
    expect(second.locator("dialog[open]")).to_contain_text("can still fill", timeout=WAIT)
    press(boss, "Cancel order")
    expect(second.locator("[data-part=head]")).to_contain_text("Canceled", timeout=WAIT)
    press(second, "Cancel order")
    expect(second.locator("body")).to_contain_text("nothing to cancel or replace", timeout=WAIT)


def test_a_position_is_closed_on_its_page(boss: Page, stack: System) -> None:
    order = stack.api.placed("NVDA", order_qty="5")
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=90)
    held = "SELECT id FROM brokers_position WHERE symbol = 'NVDA' AND position_qty <> 0"
    eventually(lambda: bool(stack.rows(held)), limit=90)
    boss.goto(f"/admin/brokers/position/{stack.rows(held)[0][0]}/change/")
    boss.fill("#close-reason", "no longer wanted")
    boss.get_by_role("button", name="Close the position").click()
    boss.wait_for_url("**/orders/order/**")
    expect(boss.locator("[data-part=head]")).to_contain_text("NVDA")
    expect(boss.locator("[data-part=head]")).to_contain_text("SELL")


def asked_for_a_limit(boss: Page) -> str:
    """The maximum that was asked for, above the one in force."""
    boss.goto(SCOPE)
    wanted = str(int(float(boss.input_value("#id_max_order_qty"))) + 7)
    boss.fill("#id_max_order_qty", wanted)
    boss.fill("#id_reason", "a larger client")
    boss.get_by_role("button", name="Change the limits").click()
    expect(boss.locator("body")).to_contain_text("second person", timeout=WAIT)
    return wanted


def test_a_limit_is_raised_by_one_person_and_approved_by_another(boss: Page, second: Page) -> None:
    wanted = asked_for_a_limit(boss)
    second.goto("/admin/desk/approvals/")
    asked = second.locator("section", has_text=wanted).first
    asked.locator("input[name=reason]").fill("compared with the mandate")
    asked.get_by_role("button", name="Approve", exact=True).click()
    expect(second.locator("body")).to_contain_text("compared with the mandate", timeout=WAIT)
    boss.goto(SCOPE)
    expect(boss.locator("#id_max_order_qty")).to_have_value(re.compile(rf"^{wanted}(\.0*)?$"))


def test_who_approves_what_was_taken_back_meanwhile_is_told_so(boss: Page, second: Page) -> None:
    wanted = asked_for_a_limit(boss)
    for page in (boss, second):
        page.goto("/admin/desk/approvals/")
        page.locator("section", has_text=wanted).first.locator("input[name=reason]").fill("no longer wanted")
    boss.get_by_role("button", name="Take it back").first.click()
    expect(boss.locator("body")).to_contain_text("Nothing waits for a second person.", timeout=WAIT)
    asked = second.locator("section", has_text=wanted).first
    asked.get_by_role("button", name="Approve", exact=True).click()
    expect(second.locator("body")).to_contain_text("already", timeout=WAIT)
    boss.goto(SCOPE)
    expect(boss.locator("#id_max_order_qty")).not_to_have_value(re.compile(rf"^{wanted}(\.0*)?$"))


def test_a_kill_is_pressed_and_its_proof_is_seen(boss: Page, stack: System) -> None:
    boss.goto("/admin/desk/trading-states/")
    boss.fill("#kill-scope", "strategy:browser")
    boss.fill("#kill-reason", "runs wild")
    boss.get_by_role("button", name="Kill now").click()
    row = boss.locator("section[aria-labelledby=kills-title] tr", has_text="strategy:browser")
    expect(row).to_contain_text("runs wild", timeout=WAIT)

    def is_proven() -> bool:
        boss.reload()
        return re.search(r"(?<!NOT_)PROVEN", row.inner_text()) is not None

    eventually(is_proven, limit=120)
