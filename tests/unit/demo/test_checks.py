"""Each check of the demo finds the difference it is there for, and nothing when both sides agree."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tradedesk.demo.checks import Evidence, Reconciliation, run_checks
from tradedesk.demo.client import Ledger
from tradedesk.demo.orders import Outcome, Sample
from tradedesk.demo.run import DemoError, require_paper
from tradedesk.demo.sending import Answer
from tradedesk.demo.summary import verdict


def answer(number: int, outcome: Outcome, status: int = 201) -> Answer:
    body = {"cl_ord_id": f"c{number}", "ord_type": "LIMIT", "order_qty": "10"}
    order = {"id": f"o{number}", "order_ref": f"TD{number}", "account": "DU1"}
    return Answer(sample=Sample(outcome=outcome, body=body), status=status, order=order)


def order(number: int, state: str, cum_qty: str) -> dict[str, Any]:
    ids = {"id": f"o{number}", "order_ref": f"TD{number}", "perm_id": 70 + number, "broker_order_id": number}
    return {**ids, "state": state, "cum_qty": cum_qty}


def row(number: int, status: str, filled: str) -> dict[str, Any]:
    ids = {"order_ref": f"TD{number}", "perm_id": 70 + number, "order_id": number, "place_count": 1}
    return {**ids, "status": status, "filled": filled}


def agreeing() -> Evidence:
    """A filled, a resting and a refused order; everything as it should be."""
    execution = {
        **{"exec_id": "e1", "order_id": "o1", "order_ref": "TD1", "side": "BUY", "superseded": False},
        **{"last_qty": "10", "last_px": "9.50", "commission": "1.0", "commission_currency": "USD"},
    }
    charged = {
        **{"exec_id": "e1", "order_ref": "TD1", "side": "BOT", "shares": "10.0", "price": "9.5"},
        **{"commission": "1", "commission_currency": "USD"},
    }
    holding = {"account": "DU1", "symbol": "AAPL", "currency": "USD"}
    first = answer(1, Outcome.FILLS)
    return Evidence(
        answers=[first, answer(2, Outcome.RESTS), answer(3, Outcome.REFUSED, 422)],
        repeats=[replace(first, status=200, replayed=True)],
        orders={"o1": order(1, "COMPLETED", "10"), "o2": order(2, "PENDING", "0")},
        executions=[execution],
        positions=[{**holding, "position_qty": "10"}],
        reconciliations=[Reconciliation(kind="ORDERS", ok=True, differences=[])],
        ledger=Ledger(
            orders=[row(1, "Filled", "10"), row(2, "Submitted", "0")],
            executions=[charged],
            positions=[{**holding, "position": "10.0"}, {**holding, "symbol": "IBM", "position": "0"}],
        ),
    )


def failed(evidence: Evidence) -> set[str]:
    return {check.name for check in run_checks(evidence) if not check.ok}


def ledger_of(evidence: Evidence) -> Ledger:
    assert evidence.ledger is not None
    return evidence.ledger


def test_nothing_is_wrong_when_both_sides_agree() -> None:
    assert failed(agreeing()) == set()
    assert verdict(run_checks(agreeing())) == "All 12 checks passed."


def test_an_order_that_was_not_taken_is_found() -> None:
    evidence = agreeing()
    broken = replace(evidence, answers=[*evidence.answers, answer(4, Outcome.FILLS, 500)])
    assert failed(broken) == {"every request was answered as planned"}


@pytest.mark.parametrize(
    "change", [{"status": 201}, {"replayed": False}, {"order": {"id": "another"}}], ids=str
)
def test_a_repeat_that_is_a_second_order_is_found(change: dict[str, Any]) -> None:
    evidence = agreeing()
    broken = replace(evidence, repeats=[replace(evidence.repeats[0], **change)])
    assert failed(broken) == {"repeated requests gave the first order"}


@pytest.mark.parametrize(
    ("order_id", "facts", "found"),
    [
        ("o1", {"state": "FILLED"}, "marketable orders are COMPLETED"),
        ("o1", {"state": "UNCONFIRMED"}, "every order is in a final or working state"),
        ("o1", {"cum_qty": "9"}, "marketable orders are COMPLETED"),
        ("o2", {"state": "CANCELED"}, "the other orders came to what they were meant to"),
        ("o2", {"perm_id": 99}, "states agree with the gateway's ledger"),
        ("o2", {"broker_order_id": 99}, "states agree with the gateway's ledger"),
        ("o2", {"state": "ACCEPTED"}, "states agree with the gateway's ledger"),
    ],
)
def test_an_order_in_the_wrong_state_is_found(order_id: str, facts: dict[str, Any], found: str) -> None:
    evidence = agreeing()
    evidence.orders[order_id].update(facts)
    assert found in failed(evidence)


def test_an_order_that_is_gone_is_found() -> None:
    evidence = agreeing()
    del evidence.orders["o2"]
    assert "every order is in a final or working state" in failed(evidence)


@pytest.mark.parametrize("reference", ["TD1", "TD1-2"])
def test_an_order_that_reached_the_gateway_twice_is_found(reference: str) -> None:
    evidence = agreeing()
    again = {**row(1, "Filled", "10"), "order_ref": reference}
    ledger_of(evidence).orders.append(again)
    assert failed(evidence) == {"every order is in the gateway's ledger exactly once"}


def test_an_order_that_was_placed_twice_under_one_id_is_found() -> None:
    evidence = agreeing()
    ledger_of(evidence).orders[0]["place_count"] = 2
    assert failed(evidence) == {"every order is in the gateway's ledger exactly once"}


def test_an_order_that_never_reached_the_gateway_is_found() -> None:
    evidence = agreeing()
    ledger_of(evidence).orders.pop()
    assert failed(evidence) == {"every order is in the gateway's ledger exactly once"}


def test_a_refused_order_that_was_sent_is_found() -> None:
    evidence = agreeing()
    ledger_of(evidence).orders.append(row(3, "Filled", "10"))
    assert failed(evidence) == {"no refused order is in the gateway's ledger"}


@pytest.mark.parametrize(
    "change", [{"exec_id": "e2"}, {"shares": "9"}, {"price": "9.51"}, {"side": "SLD"}], ids=str
)
def test_an_execution_that_differs_is_found(change: dict[str, str]) -> None:
    evidence = agreeing()
    ledger_of(evidence).executions[0].update(change)
    assert failed(evidence) == {"executions are equal on both sides"}


def test_an_execution_that_we_never_received_is_found() -> None:
    evidence = agreeing()
    missed = {**deepcopy(ledger_of(evidence).executions[0]), "exec_id": "e2", "commission": "0"}
    ledger_of(evidence).executions.append(missed)
    assert failed(evidence) == {"executions are equal on both sides"}


def test_an_execution_that_was_corrected_does_not_count() -> None:
    evidence = agreeing()
    corrected = {**evidence.executions[0], "exec_id": "e0", "superseded": True}
    assert failed(replace(evidence, executions=[corrected, *evidence.executions])) == set()


@pytest.mark.parametrize("change", [{"commission": "1.01"}, {"commission_currency": "EUR"}], ids=str)
def test_a_commission_that_differs_is_found(change: dict[str, str]) -> None:
    evidence = agreeing()
    ledger_of(evidence).executions[0].update(change)
    assert failed(evidence) == {"commissions are equal on both sides"}


def test_a_commission_that_has_not_come_is_found() -> None:
    evidence = agreeing()
    evidence.executions[0]["commission"] = None
    assert failed(evidence) == {"commissions are equal on both sides"}


@pytest.mark.parametrize("position", ["9", "-10"])
def test_a_position_that_differs_is_found(position: str) -> None:
    evidence = agreeing()
    ledger_of(evidence).positions[0]["position"] = position
    assert failed(evidence) == {"positions are equal on both sides"}


@pytest.mark.parametrize("change", [{"ok": False, "error": "timeout"}, {"differences": ["x"]}], ids=str)
def test_a_difference_that_reconciliation_saw_is_found(change: dict[str, Any]) -> None:
    run = replace(agreeing().reconciliations[0], **change)
    assert failed(replace(agreeing(), reconciliations=[run])) == {"reconciliation shows no difference"}


def test_a_reconciliation_that_never_came_is_found() -> None:
    assert failed(replace(agreeing(), reconciliations=[])) == {"reconciliation shows no difference"}


def test_without_a_ledger_its_checks_are_left_out_by_name() -> None:
    checks = run_checks(replace(agreeing(), ledger=None))
    left_out = [check.name for check in checks if check.left_out]
    assert len(left_out) == 6
    assert all("ledger" in name or "both sides" in name for name in left_out)
    assert verdict(checks) == "All 6 checks passed, 6 left out."


def test_a_failed_check_is_named_with_its_first_problems() -> None:
    evidence = agreeing()
    ledger_of(evidence).orders.clear()
    lines = [str(check) for check in run_checks(evidence)]
    once = "every order is in the gateway's ledger exactly once"
    assert (
        f"FAILED    {once}: c1 is there 0 times, placed 0 times; c2 is there 0 times, placed 0 times" in lines
    )
    assert verdict(run_checks(evidence)) == f"FAILED: {once}"


def test_sample_orders_are_never_placed_with_real_money() -> None:
    with pytest.raises(DemoError, match="U7654321 is not a paper account"):
        require_paper("U7654321", control="")
    require_paper("DU7654321", control="")
    require_paper("U7654321", control="http://127.0.0.1:4003")
