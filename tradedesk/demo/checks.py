"""What must be true after a run: comparisons of our books with the gateway's. Pure, over plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orders.models import State
from tradedesk.demo.client import Document, Ledger
from tradedesk.demo.orders import STATES, Outcome
from tradedesk.demo.sending import NO_MORE, Answer

CREATED, REPLAYED, REFUSED = 201, 200, 422
#: Which of our states agree with the gateway's word. Its Inactive is also an order killed at once.
AGREES: dict[str, frozenset[State]] = {
    "PreSubmitted": frozenset({State.ACCEPTED}),
    "Submitted": frozenset({State.PENDING, State.PARTIALLY_FILLED}),
    "Filled": frozenset({State.COMPLETED}),
    "Cancelled": frozenset({State.CANCELED, State.EXPIRED}),
    "Inactive": frozenset({State.CANCELED, State.EXPIRED, State.REJECTED}),
}
WORKING = frozenset({State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED})
SIDES = {"BOT": "BUY", "SLD": "SELL"}


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """One comparison that the system made itself."""

    kind: str
    ok: bool
    differences: list[Any]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything known after a run. `orders` by id; `ledger` None with a gateway that shows none."""

    answers: Sequence[Answer]
    repeats: Sequence[Answer]
    orders: dict[str, Document]
    executions: Sequence[Document]
    positions: Sequence[Document]
    reconciliations: Sequence[Reconciliation]
    ledger: Ledger | None

    @property
    def taken(self) -> list[tuple[Answer, Document]]:
        """Answers of the orders that were taken, each with the order as it is now ({} when it is gone)."""
        return [(a, self.orders.get(a.order["id"], {})) for a in self.answers if a.taken]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: how many items, and what is wrong with them."""

    name: str
    count: int
    problems: list[str] = field(default_factory=list)
    left_out: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. A check that found nothing to look at has shown nothing."""
        return bool(self.left_out) or (self.count > 0 and not self.problems)

    def __str__(self) -> str:
        if self.left_out:
            return f"left out  {self.name}: {self.left_out}"
        if self.ok:
            return f"ok        {self.name} ({self.count})"
        more = f" and {len(self.problems) - 3} more" if len(self.problems) > 3 else ""
        return f"FAILED    {self.name}: {'; '.join(self.problems[:3]) or 'nothing to look at'}{more}"


def run_checks(evidence: Evidence) -> list[Check]:
    """All checks, in the order in which they are shown."""
    checks = [check(evidence) for check in OWN_CHECKS]
    if evidence.ledger is None:
        return checks + [
            Check(name=name, count=0, left_out="no ledger can be read here") for name in LEDGER_CHECKS
        ]
    return checks + [_check(name, *look(evidence, evidence.ledger)) for name, look in LEDGER_CHECKS.items()]


def _check(name: str, count: int, problems: Iterable[str]) -> Check:
    return Check(name=name, count=count, problems=list(problems))


# --- by our own books alone ---------------------------------------------------------------------------
def answers_as_planned(evidence: Evidence) -> Check:
    """201 for every order, 422 with the recorded order for one that a limit refuses."""

    def wrong() -> Iterator[str]:
        for answer in evidence.answers:
            refused = answer.sample.outcome is Outcome.REFUSED
            if answer.status != (REFUSED if refused else CREATED) or not answer.order:
                yield f"{answer.sample.cl_ord_id} was answered {answer.status}"

    return _check("every request was answered as planned", len(evidence.answers), wrong())


def repeats_gave_the_first(evidence: Evidence) -> Check:
    """The same request again is answered 200 with the first order."""
    first = {answer.sample.cl_ord_id: answer.order.get("id") for answer in evidence.answers}

    def wrong() -> Iterator[str]:
        for again in evidence.repeats:
            cl_ord_id = again.sample.cl_ord_id
            if (again.status, again.replayed, again.order.get("id")) != (REPLAYED, True, first[cl_ord_id]):
                yield f"{cl_ord_id} was answered {again.status} with order {again.order.get('id')}"

    return _check("repeated requests gave the first order", len(evidence.repeats), wrong())


def final_or_working(evidence: Evidence) -> Check:
    """Every order that was taken exists and is final or working."""
    known = {*WORKING, *NO_MORE}
    wrong = (_now(answer, order) for answer, order in evidence.taken if order.get("state") not in known)
    return _check("every order is in a final or working state", len(evidence.taken), wrong)


def marketable_completed(evidence: Evidence) -> Check:
    """Every marketable order is COMPLETED, with all of its quantity."""
    wanted = [(a, o) for a, o in evidence.taken if State.COMPLETED in STATES[a.sample.outcome]]
    wanted = [(a, o) for a, o in wanted if a.sample.outcome is not Outcome.ENDS]
    wrong = (
        _now(answer, order)
        for answer, order in wanted
        if order.get("state") != State.COMPLETED or order.get("cum_qty") != answer.sample.body["order_qty"]
    )
    return _check("marketable orders are COMPLETED", len(wanted), wrong)


def others_as_planned(evidence: Evidence) -> Check:
    """Every other order rests, is canceled or found nobody, as it was meant to."""
    others = [(a, o) for a, o in evidence.taken if STATES[a.sample.outcome] != {State.COMPLETED}]
    wrong = (_now(a, o) for a, o in others if not a.sample.is_settled(str(o.get("state"))))
    return _check("the other orders came to what they were meant to", len(others), wrong)


def reconciliation_agrees(evidence: Evidence) -> Check:
    """The system's own comparison with the broker found no difference."""
    wrong = (
        f"{run.kind}: {run.error or run.differences[:3]}"
        for run in evidence.reconciliations
        if not run.ok or run.differences
    )
    return _check("reconciliation shows no difference", len(evidence.reconciliations), wrong)


def _now(answer: Answer, order: Document) -> str:
    sample = answer.sample
    is_now = f"{order['state']}, {order['cum_qty']} done" if order else "gone"
    return f"{sample.cl_ord_id} ({sample.body['ord_type']}, {sample.outcome}) is {is_now}"


OWN_CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    answers_as_planned,
    repeats_gave_the_first,
    final_or_working,
    marketable_completed,
    others_as_planned,
    reconciliation_agrees,
)


# --- against the gateway's ledger: (how many were looked at, what is wrong) ---------------------------
Finding = tuple[int, Iterable[str]]


def in_ledger_once(evidence: Evidence, ledger: Ledger) -> Finding:
    """Every order that was taken is in the ledger once, by order_ref, and was placed once."""
    rows = _by_ref(ledger.orders)

    def wrong() -> Iterator[str]:
        for answer, _ in evidence.taken:
            found = rows[answer.order["order_ref"]]
            places = sum(row["place_count"] for row in found)
            if len(found) != 1 or places != 1:
                yield f"{answer.sample.cl_ord_id} is there {len(found)} times, placed {places} times"

    return len(evidence.taken), wrong()


def refused_not_in_ledger(evidence: Evidence, ledger: Ledger) -> Finding:
    """No order that a limit refused is in the ledger."""
    rows = _by_ref(ledger.orders)
    refused = [answer for answer in evidence.answers if answer.status == REFUSED]
    wrong = (f"{a.sample.cl_ord_id} is there" for a in refused if rows[a.order["order_ref"]])
    return len(refused), wrong


def states_agree(evidence: Evidence, ledger: Ledger) -> Finding:
    """State, quantity done and ids of every order are what the ledger says."""
    rows = _by_ref(ledger.orders)

    def wrong() -> Iterator[str]:
        for answer, order in evidence.taken:
            for row in rows[answer.order["order_ref"]]:
                if order and not _same_order(order, row):
                    yield f"{_now(answer, order)}, the ledger says {row['status']}, {row['filled']} done"

    return len(evidence.taken), wrong()


def _same_order(order: Document, row: Document) -> bool:
    return (
        order["state"] in AGREES.get(row["status"], ())
        and Decimal(order["cum_qty"]) == Decimal(row["filled"])
        and (order["perm_id"], order["broker_order_id"]) == (row["perm_id"], row["order_id"])
    )


def executions_equal(evidence: Evidence, ledger: Ledger) -> Finding:
    """Ids, orders, sides, quantities and prices of all executions of the run."""
    ours = {
        (e["exec_id"], e["order_ref"], e["side"], Decimal(e["last_qty"]), Decimal(e["last_px"]))
        for e in our_executions(evidence)
    }
    theirs = {
        (e["exec_id"], e["order_ref"], SIDES[e["side"]], Decimal(e["shares"]), Decimal(e["price"]))
        for e in _their_executions(evidence, ledger)
    }
    wrong = [f"only we have {_words(one)}" for one in sorted(ours - theirs)]
    wrong += [f"only the gateway has {_words(one)}" for one in sorted(theirs - ours)]
    return len(ours | theirs), wrong


def commissions_equal(evidence: Evidence, ledger: Ledger) -> Finding:
    """Sums of all commissions of the run, by currency."""
    ours = sums((e["commission_currency"], e["commission"] or "0") for e in our_executions(evidence))
    charged = _their_executions(evidence, ledger)
    theirs = sums((e["commission_currency"], e["commission"]) for e in charged)
    return len(ours), _unequal(ours, theirs)


def positions_equal(evidence: Evidence, ledger: Ledger) -> Finding:
    """Positions of the whole account, by account, symbol and currency."""
    ours = sums((_holding(p), p["position_qty"]) for p in evidence.positions)
    account = {answer.order["account"] for answer in evidence.answers if answer.taken}
    theirs = sums((_holding(p), p["position"]) for p in ledger.positions if p["account"] in account)
    return len(ours), _unequal(ours, theirs)


LEDGER_CHECKS: dict[str, Callable[[Evidence, Ledger], Finding]] = {
    "every order is in the gateway's ledger exactly once": in_ledger_once,
    "no refused order is in the gateway's ledger": refused_not_in_ledger,
    "states agree with the gateway's ledger": states_agree,
    "executions are equal on both sides": executions_equal,
    "commissions are equal on both sides": commissions_equal,
    "positions are equal on both sides": positions_equal,
}


def our_executions(evidence: Evidence) -> list[Document]:
    """Executions of this run's orders that count (not those that a correction replaced)."""
    return [e for e in evidence.executions if e["order_id"] in evidence.orders and not e["superseded"]]


def _their_executions(evidence: Evidence, ledger: Ledger) -> list[Document]:
    refs = {order["order_ref"] for order in evidence.orders.values()}
    return [execution for execution in ledger.executions if execution["order_ref"] in refs]


def sums(amounts: Iterable[tuple[str, str]]) -> dict[str, Decimal]:
    """Totals by key of (key, decimal text); what comes to zero is left out."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for key, amount in amounts:
        totals[key] += Decimal(amount)
    return {key: total for key, total in totals.items() if total}


def _unequal(ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> list[str]:
    return [
        f"{key}: ours {ours.get(key, 0)}, theirs {theirs.get(key, 0)}"
        for key in sorted({*ours, *theirs})
        if ours.get(key, 0) != theirs.get(key, 0)
    ]


def _holding(position: Document) -> str:
    return f"{position['account']} {position['symbol']} {position['currency']}"


def _by_ref(rows: Iterable[Document]) -> defaultdict[str, list[Document]]:
    """Ledger rows by order reference. A further attempt ("...-2") counts as the same order."""
    found: defaultdict[str, list[Document]] = defaultdict(list)
    for row in rows:
        found[row["order_ref"].split("-")[0]].append(row)
    return found


def _words(values: Iterable[object]) -> str:
    return " ".join(map(str, values))
