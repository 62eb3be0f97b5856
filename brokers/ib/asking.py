"""Questions to the gateway: the whole snapshot, contracts, previews. All on the session's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

from ib_async import ExecutionFilter, PriceIncrement

from brokers.errors import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from brokers.ib import advisors, codes, contracts, translate
from brokers.ib.callbacks import rule_key
from brokers.ib.ids import FIRST_REQUEST_ID
from brokers.ib.requests import RequestFailed, Requests
from brokers.messages import (
    AdvisorReport,
    ExecutionReport,
    InstrumentDetails,
    InstrumentRef,
    NewOrder,
    OrderReport,
    Preview,
    Snapshot,
)
from brokers.port import Link
from brokers.postgres import clock
from brokers.rows import Rows

log = logging.getLogger(__name__)

#: So many snapshots in a row that the gateway did not answer end the connection: an end marker may be lost,
#: and on a new connection no answer is owed.
MAX_UNANSWERED = 2
RULE_TIMEOUT = 2.0  # seconds
GROUPS_TIMEOUT = 5.0  # seconds
MANY = 4  # contracts; more of them are a description that fits too much
#: $LEDGER:ALL adds the cash of every currency.
SUMMARY_TAGS = (
    "NetLiquidation,TotalCashValue,AvailableFunds,BuyingPower,InitMarginReq,MaintMarginReq,$LEDGER:ALL"
)


class AskingSession(Protocol):
    """What asking needs of the session, all of the present connection."""

    link: Link
    requests: Requests
    connection_started_at: datetime | None

    @property
    def home_zone(self) -> str:
        """What the gateway calls its own time zone."""

    def live_client(self) -> Any:
        """The client; raises BrokerUnavailable when its socket would not take bytes."""

    async def room(self) -> None:
        """Wait until the gateway's pace lets one more message out."""

    def give_up(self) -> None:
        """End this connection."""


class Asking:
    """Asks, and collects what is answered."""

    def __init__(self, session: AskingSession) -> None:
        self.unanswered = 0
        self._session = session
        self._request_id = FIRST_REQUEST_ID
        self._looking = asyncio.Lock()
        self._asking_rule = asyncio.Lock()

    async def snapshot(self, full: bool) -> Snapshot:
        """A whole snapshot, or an error. One at a time: the gateway's answers carry no request id."""
        async with self._looking:
            try:
                snapshot = await self._ask_all(full)
            except asyncio.CancelledError:  # the time is up
                self.unanswered += 1
                if self.unanswered >= MAX_UNANSWERED:
                    self._session.give_up()
                raise
            self.unanswered = 0
            return snapshot

    async def _ask_all(self, full: bool) -> Snapshot:
        """Every question of a snapshot, one after the other."""
        self._require_broker()
        started_at, connected_at = clock.now(), self._session.connection_started_at
        open_ones = await self._collect("openOrders", lambda client: client.reqAllOpenOrders(), Rows())
        orders = OneEach(open_ones)
        if full:
            await self._collect("completedOrders", lambda client: client.reqCompletedOrders(False), orders)
        executions = await self._collect_id(
            lambda client, key: client.reqExecutions(key, ExecutionFilter()), Rows()
        )
        accounts = tuple(self._session.live_client().getAccounts())
        is_advisor = bool(advisors.master_of(accounts))
        if full and is_advisor:  # a request for each account: there may be hundreds
            await self._shares(accounts, executions)
        advisor = await self._advisor(accounts)
        positions = await self._collect("positions", lambda client: client.reqPositions())
        values = await self._summary()
        self._require_broker()
        if connected_at is None or connected_at != self._session.connection_started_at:
            raise OutcomeUnknown("the connection changed during the snapshot")
        return Snapshot(
            time_zone=self._session.home_zone,
            snapshot_id=uuid4().hex[:16],
            started_at=started_at,
            finished_at=clock.now(),
            connection_started_at=connected_at,
            full=full,
            with_shares=full or not is_advisor,
            accounts=accounts,
            advisor=advisor,
            orders=orders,
            executions=executions,
            positions=tuple(positions),
            account_values=tuple(values),
        )

    async def _advisor(self, accounts: Sequence[str]) -> AdvisorReport | None:
        """What an advisor's gateway tells of its groups; None for any other login, which is not asked.

        A refusal names no request, and no trading may stop for what only group orders need: without a
        readable answer in time what was told before stands.
        """
        master = advisors.master_of(accounts)
        if not master:
            return None
        ask = self._collect("groups", lambda client: client.requestFA(advisors.GROUPS))
        try:
            (text,) = await asyncio.wait_for(ask, GROUPS_TIMEOUT)
            groups = advisors.groups_of(text)
        except (TimeoutError, advisors.NoGroups) as error:
            log.warning("the advisor's groups were not told", extra={"master": master, "error": repr(error)})
            return None
        others = tuple(account for account in accounts if account != master)
        return AdvisorReport(master=master, accounts=others, groups=groups)

    async def _shares(self, accounts: Sequence[str], executions: Rows[ExecutionReport]) -> None:
        """The shares of group orders, which some gateways list only for who asks of one account."""
        known = {(report.account, report.exec_id) for part in executions.parts() for report in part}
        for account in accounts:
            found = await self._collect_id(
                lambda client, key, code=account: client.reqExecutions(key, ExecutionFilter(acctCode=code))
            )
            for report in found:
                if (report.account, report.exec_id) not in known:
                    executions.append(report)

    def _require_broker(self) -> None:
        if self._session.link not in (Link.CONNECTED, Link.READY):
            raise BrokerUnavailable(f"the link is {self._session.link}")

    async def _summary(self) -> list[Any]:
        key = self.next_id()
        values: list[Any] = await self._collect(
            key, lambda client: client.reqAccountSummary(key, "All", SUMMARY_TAGS)
        )
        await self._session.room()
        self._session.live_client().cancelAccountSummary(key)
        return values

    async def details(self, instrument: InstrumentRef) -> list[InstrumentDetails]:
        contract = contracts.to_contract(instrument)
        try:
            found = await self._collect_id(lambda client, key: client.reqContractDetails(key, contract))
        except RequestFailed as error:
            if error.ib_code == codes.NO_SUCH_CONTRACT:
                return []
            raise
        if len(found) > MANY:  # an ambiguous description is for a person, who needs no price steps
            return [contracts.instrument_details(details) for details in found]
        return [contracts.instrument_details(one, await self._bands(contracts.rule_of(one))) for one in found]

    async def _bands(self, rule_id: int | None) -> Sequence[PriceIncrement]:
        """The price steps of a market rule; none when the gateway has none (its error names no request)."""
        if rule_id is None:
            return ()
        async with self._asking_rule:
            try:
                ask = self._collect(rule_key(rule_id), lambda client: client.reqMarketRule(rule_id))
                (increments,) = await asyncio.wait_for(ask, RULE_TIMEOUT)
            except TimeoutError:
                return ()
        return increments  # type: ignore[no-any-return]

    async def preview(self, order: NewOrder) -> Preview:
        contract, wire = contracts.to_contract(order.instrument), translate.to_order(order)
        wire.whatIf = True
        key = order.broker_order_id
        await self._session.room()
        self._require_broker()
        self._session.requests.open(key)
        try:
            self._session.live_client().placeOrder(key, contract, wire)
        except Exception:
            self._session.requests.end(key)
            await self._session.requests.collect(key)
            raise
        try:
            (preview,) = await self._session.requests.collect(key)
        except RequestFailed as error:
            raise BrokerRefused(str(error), code="BROKER_REJECTED") from None
        return preview  # type: ignore[no-any-return]

    async def _collect(self, key: str | int, ask: Any, rows: Rows[Any] | None = None) -> Any:
        await self._session.room()
        self._session.requests.open(key, rows)
        try:
            ask(self._session.live_client())
        except Exception:
            self._session.requests.close(key, answered=True)  # nothing was asked
            raise
        return await self._session.requests.collect(key)

    async def _collect_id(self, ask: Any, rows: Rows[Any] | None = None) -> Any:
        key = self.next_id()
        return await self._collect(key, lambda client: ask(client, key), rows)

    def next_id(self) -> int:
        self._request_id += 1
        return self._request_id


class OneEach(Rows[OrderReport]):
    """One report per order: those that are open, then as they come the completed ones, the last word.

    Told apart as they arrive, because going through a whole day afterwards would hold up the loop.
    """

    def __init__(self, open_ones: Iterable[OrderReport]) -> None:
        self._open = Rows[OrderReport]()
        #: Where the last word about each that is open still stands among these.
        self._places: dict[tuple[int, str], int] = {}
        for place, report in enumerate(open_ones):
            self._open.append(report)
            self._places[self._key(report)] = place
        super().__init__()

    @staticmethod
    def _key(report: OrderReport) -> tuple[int, str]:
        return report.identity.perm_id, report.identity.order_ref

    def append(self, row: OrderReport) -> None:
        self._places.pop(self._key(row), None)
        super().append(row)

    def parts(self) -> Iterator[list[OrderReport]]:
        place = count()
        for part in self._open.parts():
            yield [report for report in part if self._places.get(self._key(report)) == next(place)]
        yield from super().parts()

    def __len__(self) -> int:
        return len(self._places) + super().__len__()
