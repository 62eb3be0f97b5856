"""Group orders of an advisor: the whole counts for the order, the shares for the accounts, nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from brokers.fix import OrdType, SecType, Side, TimeInForce
from brokers.inbox.rows import park_message
from brokers.messages import (
    AdvisorGroup,
    AdvisorReport,
    BrokerEvent,
    CommissionReport,
    ExecutionReport,
    InstrumentRef,
    OrderIdentity,
    OrderReport,
    Snapshot,
    WorkingStatus,
)
from brokers.models import BrokerAccount, Instrument
from brokers.order_attributes import Allocation, AllocationMethod
from brokers.port import InboundMessage
from orders.booking.apply import apply_items
from orders.booking.flags import SessionFlags
from orders.booking.parked import retry_parked
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import TicketInvalid
from orders.models import Execution, Order, Source, State
from orders.models.controls.use_mark import UseMark
from orders.models.execution import shares_of
from orders.reconciliation import comparison, executed
from orders.store import advisors
from tests.examples import each_taken_back, examples
from tests.integration.orders.test_any_order import any_order_with_repeats
from tests.seeded import seed_again

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
AAPL = InstrumentRef(symbol="AAPL", sec_type=SecType.STK, exchange="SMART", currency="USD", con_id=265598)
QUIET = examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
MASTER, ONE, TWO = "DU1234567", "DU1", "DU2"
GROUP = AdvisorGroup(name="Growth", method="Equal", accounts=(ONE, TWO))
LOGIN = AdvisorReport(master=MASTER, accounts=(ONE, TWO), groups=(GROUP,))


@pytest.fixture
def desk(db: None, settings: Any) -> User:
    seed_again(settings)
    Instrument.objects.filter(symbol="AAPL").update(con_id=265598, min_tick=Decimal("0.01"))
    for code in (ONE, TWO):
        BrokerAccount.objects.get_or_create(code=code, defaults={"session_id": "main"})
    advisors.store("main", LOGIN)
    return User.objects.create_user("algo")


def ticket(**other: Any) -> Ticket:
    return Ticket(**{
        "cl_ord_id": uuid4().hex,
        "account": MASTER,
        "instrument": InstrumentKey(symbol="AAPL"),
        "side": Side.BUY,
        "order_qty": Decimal(100),
        "ord_type": OrdType.LIMIT,
        "price": Decimal(230),
        "time_in_force": TimeInForce.DAY,
        "allocation": Allocation(group="Growth", method=AllocationMethod.EQUAL),
        **other,
    })  # fmt: skip


class Story:
    """A group order and what the broker says about it."""

    def __init__(self, client: User) -> None:
        self.order = place_order(ticket(), client=client, source=Source.API, received_at=NOW).order
        self.run = uuid4().hex[:8]
        self.identity = OrderIdentity(order_ref=self.order.order_ref, perm_id=self.order.id.int % 2**40)

    def status(self, status: WorkingStatus) -> OrderReport:
        return OrderReport(identity=self.identity, status=status, source="orderStatus")

    def execution(self, number: str, account: str, quantity: int, px: int = 230) -> ExecutionReport:
        return ExecutionReport(
            identity=self.identity,
            exec_id=f"{self.run}.{number}",
            account=account,
            instrument=AAPL,
            side=Side.BUY,
            last_qty=Decimal(quantity),
            last_px=Decimal(px),
            cum_qty=Decimal(quantity),
            transact_time=NOW,
        )

    def commission(self, number: str, amount: str) -> CommissionReport:
        return CommissionReport(exec_id=f"{self.run}.{number}", commission=Decimal(amount), currency="USD")

    def tell(self, events: list[BrokerEvent]) -> Order:
        for number, event in enumerate(events):
            note = InboundMessage(event=event, dedup_key=f"{uuid4()}:{number}", raw={}, received_at=NOW)
            try:
                apply_items("main", [note], SessionFlags())
            except Exception as error:
                park_message("main", note, error, NOW)
        retry_parked("main", SessionFlags())
        return Order.objects.get(pk=self.order.pk)

    def filled(self) -> list[BrokerEvent]:
        """Two fills of the whole, each shared out, with all commissions."""
        return [
            self.status(WorkingStatus.WORKING),
            *(self.execution("01.01", MASTER, 60), self.commission("01.01", "0.6")),
            *(self.execution("02.01", ONE, 30), self.commission("02.01", "0.3")),
            *(self.execution("03.01", TWO, 30), self.commission("03.01", "0.3")),
            *(self.execution("04.01", MASTER, 40, 229), self.commission("04.01", "0.4")),
            *(self.execution("05.01", ONE, 20, 229), self.commission("05.01", "0.2")),
            *(self.execution("06.01", TWO, 20, 229), self.commission("06.01", "0.2")),
            self.status(WorkingStatus.FILLED),
        ]


def held(account: str) -> Decimal:
    return sum((total.quantity for total in executed.between(account, 0)), Decimal(0))


def shared(order: Order) -> list[tuple[str, Decimal, Decimal | None]]:
    return [(one.account, one.qty, one.commission) for one in shares_of(order, order.executions.all())]


def differences(story: Story) -> list[comparison.Finding]:
    """What a complete look an hour later finds of this order's parts."""
    later = NOW + timedelta(hours=1)
    nothing: dict[str, Any] = dict.fromkeys(("orders", "executions", "positions", "account_values"), ())
    snapshot = Snapshot(
        **{"snapshot_id": "s", "started_at": later, "finished_at": later, "connection_started_at": later},
        **{"full": True, "accounts": (MASTER, ONE, TWO), **nothing},
    )
    found = comparison.combinations("main", snapshot)
    return [one for one in found if one.order_id == story.order.id]


@QUIET
@given(indices=any_order_with_repeats(14))
@each_taken_back
def test_wholes_and_shares_in_any_order_and_twice_end_in_the_same_books(
    desk: User, indices: list[int]
) -> None:
    before = held(ONE), held(TWO)
    story = Story(desk)
    events = story.filled()
    order = story.tell([events[index] for index in indices])
    assert (order.state, order.cum_qty, order.avg_px) == (State.COMPLETED, 100, Decimal("229.6"))
    assert (order.account_id, order.overfilled, order.held_for_desk) == (MASTER, False, False)
    assert shared(order) == [(ONE, 50, Decimal("0.5")), (TWO, 50, Decimal("0.5"))]
    assert (held(ONE) - before[0], held(TWO) - before[1], held(MASTER)) == (50, 50, 0)


@QUIET
@given(indices=any_order_with_repeats(16))
@each_taken_back
def test_a_bust_of_whole_and_shares_takes_back_both_once(desk: User, indices: list[int]) -> None:
    story = Story(desk)
    busts = [story.execution(f"{n:02}.02", a, 0) for n, a in ((4, MASTER), (5, ONE), (6, TWO))]
    events = [event for event in story.filled()[:-1] if isinstance(event, ExecutionReport | CommissionReport)]
    history: list[BrokerEvent] = [*events, *busts, story.status(WorkingStatus.WORKING)]
    order = story.tell([history[index] for index in indices])
    assert (order.state, order.cum_qty) == (State.PARTIALLY_FILLED, 60)
    assert [(account, qty) for account, qty, _ in shared(order)] == [(ONE, 30), (TWO, 30)]


#: Two executions of the whole and how each was shared out: the account and the most that one version says.
TOLD_OF = {"01": (MASTER, 60), "02": (ONE, 30), "03": (TWO, 30), "04": (MASTER, 40), "05": (ONE, 40)}
Versions = dict[str, list[tuple[int, int, bool]]]
#: Of each the quantities and prices of its versions, and whether a commission comes for them.
VERSIONS: st.SearchStrategy[Versions] = st.fixed_dictionaries({
    number: st.lists(
        st.tuples(st.sampled_from([most, most - 7, 0]), st.sampled_from([229, 230]), st.booleans()),
        min_size=1,
        max_size=3,
    )
    for number, (_, most) in TOLD_OF.items()
})  # fmt: skip


def restated(story: Story, versions: Versions) -> list[BrokerEvent]:
    """Everything that the broker says of them: version .01 of each, then what corrects it."""
    told: list[BrokerEvent] = []
    for number, ones in versions.items():
        for version, (quantity, px, paid) in enumerate(ones, start=1):
            told.append(story.execution(f"{number}.{version:02}", TOLD_OF[number][0], quantity, px))
            told += [story.commission(f"{number}.{version:02}", "0.1")] if paid else []
    return told


@examples(20, QUIET)
@given(versions=VERSIONS, data=st.data())
@each_taken_back
def test_corrections_of_one_share_or_one_whole_leave_true_books_in_any_order(
    desk: User, versions: Versions, data: st.DataObject
) -> None:
    before = {account: held(account) for account in (MASTER, ONE, TWO)}
    story = Story(desk)
    events = restated(story, versions)
    indices = data.draw(any_order_with_repeats(len(events)))
    order = story.tell([story.status(WorkingStatus.WORKING), *(events[index] for index in indices)])
    last = {number: ones[-1] for number, ones in versions.items()}  # what nothing restates any more
    whole = sum(last[number][0] for number in ("01", "04"))
    shares = {ONE: last["02"][0] + last["05"][0], TWO: last["03"][0]}
    worth = sum(last[number][0] * last[number][1] for number in ("01", "04"))
    assert (order.cum_qty, order.avg_px) == (whole, round(Decimal(worth) / whole, 10) if whole else 0)
    assert {account: held(account) - before[account] for account in before} == {MASTER: 0, **shares}
    unpaid = any(last[number][0] and not last[number][2] for number in ("02", "03", "05"))
    full = State.FILLED if unpaid or sum(shares.values()) != whole else State.COMPLETED
    assert order.state == (full if whole == 100 else State.PARTIALLY_FILLED if whole else State.PENDING)
    assert (order.overfilled, order.held_for_desk) == (False, False)
    if whole == 100:
        assert bool(differences(story)) == (sum(shares.values()) != whole)


def test_an_order_whose_shares_lack_is_filled_but_not_completed(desk: User) -> None:
    story = Story(desk)
    order = story.tell([*story.filled()[:7], *story.filled()[7:9], story.status(WorkingStatus.FILLED)])
    assert (order.state, order.cum_qty) == (State.FILLED, 100)
    assert shared(order) == [(ONE, 30, Decimal("0.3")), (TWO, 30, Decimal("0.3"))]
    assert story.tell(story.filled()).state == State.COMPLETED


def test_one_execution_id_in_two_accounts_is_two_shares(desk: User) -> None:
    story = Story(desk)
    order = story.tell([
        story.execution("01.01", MASTER, 100),
        story.execution("02.01", ONE, 50),
        story.execution("02.01", TWO, 50),
    ])  # fmt: skip
    assert [(account, qty) for account, qty, _ in shared(order)] == [(ONE, 50), (TWO, 50)]
    assert (order.state, order.cum_qty) == (State.FILLED, 100)


def test_a_share_moves_the_mark_of_its_account_once(desk: User) -> None:
    for owner in (ONE, TWO):
        UseMark.objects.update_or_create(owner=owner, defaults={"version": 1})
    story = Story(desk)
    for _ in range(2):
        story.tell([story.execution("01.01", MASTER, 100), story.execution("02.01", ONE, 50)])
    assert dict(UseMark.objects.values_list("owner", "version")).items() >= {ONE: 2, TWO: 1}.items()


def test_a_share_on_an_account_of_no_advisor_is_never_booked_on_our_order(desk: User) -> None:
    story = Story(desk)
    order = story.tell([story.execution("01.01", MASTER, 100), story.execution("02.01", "DU999", 50)])
    assert [one.account_id for one in order.executions.all()] == [MASTER]
    assert Execution.objects.get(account="DU999").order.source == Source.EXTERNAL


def test_shares_that_do_not_come_to_the_whole_are_a_difference(desk: User) -> None:
    story = Story(desk)
    story.tell([*story.filled()[:9], story.status(WorkingStatus.FILLED)])
    (found,) = differences(story)
    assert (found.account, found.order_id) == (MASTER, story.order.id)
    assert "100 executed, and the shares of its accounts come to 60: 30 in DU1, 30 in DU2" in found.text
    story.tell(story.filled())
    assert differences(story) == []


@pytest.mark.parametrize(
    ("other", "field", "said"),
    [
        ({"allocation": Allocation(group="Nobody")}, "allocation.group", "it knows Growth"),
        ({"account": ONE}, "allocation", "DU1 is no advisor's master account"),
        ({"reduce_only": True}, "reduce_only", "holds no position"),
    ],
)
def test_an_allocation_that_the_gateway_would_not_take_is_refused_at_once(
    desk: User, other: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(TicketInvalid) as refused:
        place_order(ticket(**other), client=desk, source=Source.API, received_at=NOW)
    assert said in " ".join(refused.value.errors[field])
    assert not Order.objects.exists()
