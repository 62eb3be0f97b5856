"""The controls that a regulator's rules name, each with what answers it here: the source of docs/controls.md.

15c3-5 is the market access rule of the SEC (17 CFR 240.15c3-5), RTS 6 is Delegated Regulation (EU) 2017/589.
A client of a broker is not bound by most of it; the list says what a professional user will be asked.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control: where it is asked for, the limits that answer it, the tests that hold it, its evidence.

    `missing`: what of it is not covered, in words; alone it stands for the whole control.
    """

    name: str
    asked_by: str
    limits: tuple[str, ...] = ()
    setting: str = ""
    tests: tuple[str, ...] = ()
    evidence: str = ""
    missing: str = ""


RISK = "tests/unit/orders/test_risk.py::test_a_breach_fails_only_its_check_with_a_registered_code"
MARKET = "tests/unit/orders/test_market.py::"
USE = "tests/unit/orders/test_use_limits.py::"
ACCOUNTS = "tests/integration/orders/test_use_limits.py::"
SCOPES = "tests/integration/orders/test_scope_limits.py::"
DOORS = "tests/integration/api/test_seen_by_every_door.py::test_what_was_seen_is_refused_by_this_door"
AGAIN = "tests/integration/broker/test_recheck.py::"
REPORT = "the order's check report (API, desk, audit chain)"

CONTROLS = (
    Control(
        name="Credit and capital threshold, in aggregate",
        asked_by="15c3-5 (c)(1)(i); RTS 6 art. 15",
        limits=(
            "max_gross_notional",
            "max_net_notional",
            "max_daily_notional",
            "max_position_qty",
            "max_open_orders",
        ),
        tests=(
            f"{SCOPES}test_each_rule_counts_all_that_its_scope_did",
            f"{USE}test_what_fails_whole_does_not_pass_in_pieces",
            f"{ACCOUNTS}test_parallel_requests_get_together_what_one_may",
        ),
        evidence=REPORT,
        missing="Margin and buying power: the broker's what-if is in the preview, not before each order.",
    ),
    Control(
        name="Price collar",
        asked_by="15c3-5 (c)(1)(ii); RTS 6 art. 15 (1)(a)",
        limits=("max_price_deviation_bps", "max_price_distance_bps", "max_price_age_s"),
        tests=(
            f"{MARKET}test_a_price_far_through_the_market_is_refused",
            f"{MARKET}test_without_any_price_every_kind_is_refused",
            f"{MARKET}test_a_market_order_into_an_offer_far_from_the_last_trade_is_refused",
            DOORS,
        ),
        evidence=f"{REPORT}, with the age of each price",
        missing="No collar over a period of time (a price that walks away in small steps).",
    ),
    Control(
        name="Size and value of an order",
        asked_by="15c3-5 (c)(1)(ii); RTS 6 art. 15 (1)(b), (c)",
        limits=("max_order_qty", "max_notional", "max_adv_share_bps"),
        tests=(RISK, f"{MARKET}test_an_order_is_worth_the_most_it_may_cost", DOORS),
        evidence=REPORT,
    ),
    Control(
        name="Duplicate and erroneous orders",
        asked_by="15c3-5 (c)(1)(ii)",
        limits=("max_duplicates_per_minute", "refuse_self_trade"),
        tests=(f"{ACCOUNTS}test_the_same_order_thrice_is_stopped", DOORS),
        evidence=REPORT,
    ),
    Control(
        name="Messages and orders in time",
        asked_by="RTS 6 art. 15 (1)(d)",
        limits=("max_orders_per_minute", "max_messages_per_minute", "max_daily_orders", "max_order_to_trade"),
        tests=(
            f"{SCOPES}test_each_rule_counts_all_that_its_scope_did",
            f"{USE}test_orders_and_messages_for_each_execution_have_a_limit",
        ),
        evidence=REPORT,
    ),
    Control(
        name="Every order counts at once",
        asked_by="RTS 6 art. 15 (2)",
        limits=("max_position_qty",),
        tests=(f"{ACCOUNTS}test_working_orders_count_towards_the_position",),
        evidence="the rows of orders, positions and executions are the count",
    ),
    Control(
        name="Repeated executions stop until a person enables again",
        asked_by="RTS 6 art. 15 (3)",
        limits=("max_repeated_executions",),
        tests=(
            f"{USE}test_the_same_executed_too_often_is_stopped_at_any_price",
            f"{SCOPES}test_what_executes_the_same_too_often_is_halted_until_a_person_enables_it",
        ),
        evidence=f"{REPORT}; the change of the trading state",
    ),
    Control(
        name="What may not be traded, and how",
        asked_by="15c3-5 (c)(2); RTS 6 art. 15 (4), (5)",
        limits=("any_instrument", "allowed_ord_types", "short_sales", "refuse_closed_market"),
        setting="restricted and allowed instruments with dates, side and reason",
        tests=(
            RISK,
            "tests/unit/orders/test_risk.py::test_a_restriction_counts_for_its_side_and_its_time_only",
            f"{USE}test_a_sale_beyond_the_position_needs_the_permission",
        ),
        evidence=REPORT,
    ),
    Control(
        name="Loss of the day",
        asked_by="house policy (named by neither)",
        limits=("max_daily_loss",),
        tests=(
            f"{USE}test_a_loss_of_the_day_that_nobody_tells_is_no_pass",
            f"{SCOPES}test_a_loss_of_the_day_refuses_what_opens_and_not_what_closes",
            f"{SCOPES}test_a_loss_told_three_times_reduces_and_a_larger_one_halts",
        ),
        evidence=f"{REPORT}; the change of the trading state",
        missing="Not told by strategy or user: the broker's figures are of accounts.",
    ),
    Control(
        name="Exceptions only by a person with the right",
        asked_by="RTS 6 art. 15 (6)",
        limits=("soft",),
        setting="permission `override_limit`, token scope `risk`",
        tests=(f"{SCOPES}test_a_soft_breach_is_placed_only_with_the_override_of_its_own_warning",),
        evidence="who and why in the order's check report",
    ),
    Control(
        name="Controls hold until the order leaves",
        asked_by="lesson of Knight Capital (SEC release 34-70694)",
        setting="none: orders that waited are checked again before the wire",
        tests=(
            f"{AGAIN}test_an_order_beyond_a_limit_lowered_meanwhile_stays_here",
            f"{AGAIN}test_a_position_moved_by_a_stranger_counts_for_what_waits",
            f"{AGAIN}test_a_replace_beyond_a_limit_lowered_meanwhile_is_refused_here",
        ),
        evidence="the new report on the FAILED order",
    ),
    Control(
        name="Calibration of limits",
        asked_by="RTS 6 art. 9, 13; ESMA briefing of February 2026",
        setting="`manage.py risk replay --from --to [--limits FILE]`",
        tests=(
            "tests/integration/orders/test_replay.py::test_proposed_limits_say_what_they_would_have_refused",
        ),
        evidence="its output",
    ),
    Control(
        name="Kill functionality",
        asked_by="RTS 6 art. 12; 15c3-5",
        setting="trading states and the kill switch (docs/runbook.md)",
        evidence="the audit chain, proofs of two snapshots",
    ),
    Control(
        name="Surveillance of orders for abuse",
        asked_by="RTS 6 art. 13",
        missing="Patterns of abuse are not looked for; orders, changes and executions are kept for it.",
    ),
    Control(
        name="Real-time monitoring, alerts within five seconds",
        asked_by="RTS 6 art. 16",
        setting="alerts, `/metrics`, the stream",
        evidence="docs/runbook.md",
        missing="No process of the firm's risk function: people are the firm's.",
    ),
    Control(
        name="Post-trade reconciliation",
        asked_by="RTS 6 art. 17 (3)",
        setting="reconciliation with the broker's orders, executions, positions and cash",
        evidence="reconciliation runs and breaks",
        missing="Caps of derivatives by long, short and strategy (17 (4)): `max_position_qty` by contract.",
    ),
    Control(
        name="Direct and exclusive control, annual review, certification",
        asked_by="15c3-5 (d), (e)",
        missing="Duties of the broker-dealer and of people, not of this software.",
    ),
)
