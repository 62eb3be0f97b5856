"""What limits on use cost a POST: an account with all of them on and one without, order by order in turn.

Both are measured in the same seconds on the same system, so that a busy machine moves both alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

from tradedesk.bench.client import Answer
from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground

PAUSE = 0.05  # seconds from one order to the next: 20 a second
WARM_UP = 20  # orders of each account: changed rules are read again, statements planned
#: Every rule on what an account does as a whole; orders that all buy break none.
ON = """
    UPDATE orders_accountlimit SET max_position_qty = 1000000, max_open_orders = 1000000,
        max_orders_per_minute = 1000000, max_duplicates_per_minute = 1000000, refuse_self_trade = true
    WHERE account_id = %s RETURNING account_id
"""
OFF = """
    UPDATE orders_accountlimit SET max_position_qty = NULL, max_open_orders = NULL,
        max_orders_per_minute = NULL, max_duplicates_per_minute = NULL, refuse_self_trade = false
    WHERE account_id = %s RETURNING account_id
"""


def limits_cost(ground: Ground, *, orders: int) -> Document:
    """POST to answer with and without limits on use, so many orders each; milliseconds, and their ratio."""
    off, on = ground.accounts[0], ground.accounts[-1]
    with limits_on(ground, on):
        place_in_turn(ground, (off, on), WARM_UP)
        answers = place_in_turn(ground, (off, on), orders)
    ground.wait_until_done()
    without, limited = (spread(one.seconds for one in answers[account]) for account in (off, on))
    everyone = [*answers[off], *answers[on]]
    return {
        "limits_off_post_to_answer_ms": without,
        "limits_on_post_to_answer_ms": limited,
        "on_to_off_p50": round(limited["p50"] / without["p50"], 3),
        "recorded": sum(one.status == 201 for one in everyone),
        "rejected": sum(one.document.get("state") == "REJECTED" for one in everyone),
    }


@contextmanager
def limits_on(ground: Ground, account: str) -> Iterator[None]:
    """Every limit on use for this account."""
    if len(ground.accounts) < 2 or not ground.system.rows(ON, account):
        raise AssertionError("limits are measured between two accounts, of which one has none on its use")
    try:
        yield
    finally:
        ground.system.rows(OFF, account)


def place_in_turn(ground: Ground, accounts: tuple[str, str], count: int) -> dict[str, list[Answer]]:
    """So many orders for each of these accounts, one at a time; all answers by account."""
    answers: dict[str, list[Answer]] = {account: [] for account in accounts}
    due = time.monotonic()
    with ground.connection() as connection:
        for _, account in product(range(count), accounts):
            time.sleep(max(0.0, due - time.monotonic()))
            due += PAUSE
            answers[account].append(connection.place(ground.order(account=account, side="BUY")))
    return answers
