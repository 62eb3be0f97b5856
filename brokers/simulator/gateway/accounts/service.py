"""Answers about accounts: positions, summary, updates, profit and loss; and their subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.exchange.accounts import Account, Position
from brokers.simulator.gateway.accounts.advisor import AdvisorService
from brokers.simulator.gateway.accounts.reported_accounts import ReportedAccounts
from brokers.simulator.gateway.accounts.valuation import Holding, Valuation
from brokers.simulator.gateway.clients.accounts import LoggedIn
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.reference.contracts import portfolio_contract, position_contract
from brokers.simulator.gateway.texts.numbers import java, plain
from brokers.simulator.gateway.texts.refusals import Refusal, validation
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import server as responses
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.values import UNSET_DOUBLE

ALL_ACCOUNTS = ("", "All")
#: Real gateways serve no more of them per client.
MAX_SUMMARIES = 2
TOO_MANY_SUMMARIES = Refusal(
    322,
    "Error processing request.-'bS' : cause - Maximum number of account summary requests exceeded",
)


class AccountService:
    """Answers with accounts, once or on every change."""

    def __init__(
        self,
        state: State,
        reported: ReportedAccounts,
        valuation: Valuation,
        advisor: AdvisorService,
        clock: Callable[[], datetime],
        login: LoggedIn,
    ) -> None:
        self._login = login
        self._state = state
        self._reported = reported
        self._advisor = advisor
        self._valuation = valuation
        self._clock = clock

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {
            requests.ReqPositions: self.positions,
            requests.CancelPositions: self.cancel_positions,
            requests.ReqPositionsMulti: self.positions_multi,
            requests.CancelPositionsMulti: self.cancel_positions_multi,
            requests.ReqAccountSummary: self.summary,
            requests.CancelAccountSummary: self.cancel_summary,
            requests.ReqAcctData: self.updates,
            requests.ReqAccountUpdatesMulti: self.updates_multi,
            requests.CancelAccountUpdatesMulti: self.cancel_updates_multi,
            requests.ReqPnl: self.pnl,
            requests.CancelPnl: self.cancel_pnl,
            requests.ReqPnlSingle: self.pnl_single,
            requests.CancelPnlSingle: self.cancel_pnl_single,
        }

    # -- positions --------------------------------------------------------------------------------

    def positions(self, link: Link, message: requests.ReqPositions) -> None:
        """Send every open position and, from then on, the changes."""
        for account in self._reported.accounts.values():
            for con_id, position in account.positions.items():
                if position.quantity and self._login.shows(account.name):
                    link.send(self._position_data(account, con_id, position))
        link.send(responses.PositionEnd())
        link.wants_positions = True

    def cancel_positions(self, link: Link, message: requests.CancelPositions) -> None:
        """End the subscription to positions."""
        link.wants_positions = False

    def positions_multi(self, link: Link, message: requests.ReqPositionsMulti) -> None:
        """Send the open positions of one account or all, and their changes from then on."""
        accounts = self._chosen(link, message.req_id, message.account)
        if not accounts:
            return
        for account in accounts:
            for con_id, position in account.positions.items():
                if position.quantity:
                    link.send(self._position_multi(message.req_id, account, con_id, position))
        link.send(responses.PositionMultiEnd(req_id=message.req_id))
        link.position_requests[message.req_id] = message.account

    def cancel_positions_multi(self, link: Link, message: requests.CancelPositionsMulti) -> None:
        """End that subscription."""
        link.position_requests.pop(message.req_id, None)

    def _position_data(self, account: Account, con_id: int, position: Position) -> responses.PositionData:
        return responses.PositionData(
            account=account.name,
            contract=position_contract(self._state.universe[con_id]),
            position=plain(position.quantity),
            avg_cost=_cost(position),
        )

    def _position_multi(
        self, req_id: int, account: Account, con_id: int, position: Position
    ) -> responses.PositionMulti:
        return responses.PositionMulti(
            req_id=req_id,
            account=account.name,
            contract=position_contract(self._state.universe[con_id]),
            position=plain(position.quantity),
            avg_cost=_cost(position),
        )

    # -- summary ----------------------------------------------------------------------------------

    def summary(self, link: Link, message: requests.ReqAccountSummary) -> None:
        """Send the tags asked for; unknown tags are left out, as real gateways do."""
        if message.group != "All" and self._advisor.group(message.group) is None:
            link.error(message.req_id, *validation(f"Unknown account group '{message.group}'"))
            return
        if len(link.summaries) >= MAX_SUMMARIES:
            link.error(message.req_id, *TOO_MANY_SUMMARIES)
            return
        tags = tuple(tag.strip() for tag in message.tags.split(",") if tag.strip())
        link.summaries[message.req_id] = message.group, tags
        self._send_summary(link, message.req_id, message.group, tags)

    def cancel_summary(self, link: Link, message: requests.CancelAccountSummary) -> None:
        """End a summary subscription."""
        link.summaries.pop(message.req_id, None)

    def _send_summary(self, link: Link, req_id: int, group: str, tags: Iterable[str]) -> None:
        for account in self._named(group):
            values = self._valuation.summary(account)
            for tag in tags:
                if tag in values:
                    text, currency = values[tag]
                    link.send(
                        responses.AccountSummary(
                            req_id=req_id, account=account.name, tag=tag, value=text, currency=currency
                        )
                    )
                elif tag.startswith("$LEDGER"):
                    self._send_summary_ledger(link, req_id, account)
        link.send(responses.AccountSummaryEnd(req_id=req_id))

    def _send_summary_ledger(self, link: Link, req_id: int, account: Account) -> None:
        for currency, row in self._valuation.ledger(account).items():
            for key, text in row.items():
                link.send(
                    responses.AccountSummary(
                        req_id=req_id, account=account.name, tag=key, value=text, currency=currency
                    )
                )

    # -- account updates --------------------------------------------------------------------------

    def updates(self, link: Link, message: requests.ReqAcctData) -> None:
        """Subscribe to one account's values and portfolio, or end that."""
        name = message.account or next(iter(self._reported.accounts))
        account = self._reported.accounts.get(name)
        if account is None:
            link.error(-1, *validation(f"Invalid account code '{name}'"))
        elif not message.subscribe:
            link.account_updates = ""
        else:
            link.account_updates = name
            self._send_updates(link, account)

    def _send_updates(self, link: Link, account: Account) -> None:
        for key, text, currency in self._values(account):
            link.send(responses.AcctValue(key=key, value=text, currency=currency, account=account.name))
        for holding in self._valuation.holdings(account):
            link.send(_portfolio_value(account, holding))
        link.send(responses.AcctUpdateTime(time=f"{self._clock():%H:%M}"))
        link.send(responses.AcctDownloadEnd(account=account.name))

    def _values(self, account: Account) -> Iterable[tuple[str, str, str]]:
        for key, (text, currency) in self._valuation.summary(account).items():
            yield key, text, currency
        for currency, row in self._valuation.ledger(account).items():
            for key, text in row.items():
                yield key, text, currency

    def updates_multi(self, link: Link, message: requests.ReqAccountUpdatesMulti) -> None:
        """Send the values of one account or all."""
        accounts = self._chosen(link, message.req_id, message.account)
        if not accounts:
            return
        self._send_updates_multi(link, message.req_id, accounts)
        link.update_requests[message.req_id] = message.account

    def cancel_updates_multi(self, link: Link, message: requests.CancelAccountUpdatesMulti) -> None:
        """End that subscription."""
        link.update_requests.pop(message.req_id, None)

    def _send_updates_multi(self, link: Link, req_id: int, accounts: Iterable[Account]) -> None:
        for account in accounts:
            for key, text, currency in self._values(account):
                link.send(
                    responses.AccountUpdateMulti(
                        req_id=req_id, account=account.name, key=key, value=text, currency=currency
                    )
                )
        link.send(responses.AccountUpdateMultiEnd(req_id=req_id))

    # -- profit and loss ---------------------------------------------------------------------------

    def pnl(self, link: Link, message: requests.ReqPnl) -> None:
        """Send profit and loss now and every second."""
        if self._chosen(link, message.req_id, message.account):
            link.pnl_requests[message.req_id] = message.account
            self._send_pnl(link, message.req_id, message.account)

    def cancel_pnl(self, link: Link, message: requests.CancelPnl) -> None:
        """End that subscription."""
        link.pnl_requests.pop(message.req_id, None)

    def pnl_single(self, link: Link, message: requests.ReqPnlSingle) -> None:
        """Send one position's profit and loss now and every second."""
        if self._chosen(link, message.req_id, message.account):
            link.pnl_single_requests[message.req_id] = message.account, message.con_id
            self._send_pnl_single(link, message.req_id, message.account, message.con_id)

    def cancel_pnl_single(self, link: Link, message: requests.CancelPnlSingle) -> None:
        """End that subscription."""
        link.pnl_single_requests.pop(message.req_id, None)

    def _send_pnl(self, link: Link, req_id: int, name: str) -> None:
        unrealized = realized = Decimal(0)
        for account in self._named(name):
            totals = self._valuation.totals(account)
            unrealized += totals.unrealized
            realized += totals.realized
        link.send(
            responses.Pnl(
                req_id=req_id,
                daily=java(unrealized + realized),
                unrealized=java(unrealized),
                realized=java(realized),
            )
        )

    def _send_pnl_single(self, link: Link, req_id: int, name: str, con_id: int) -> None:
        for account in self._named(name):
            position = account.positions.get(con_id)
            if position is None:
                link.send(
                    responses.PnlSingle(
                        req_id=req_id,
                        position=Decimal(0),
                        daily=UNSET_DOUBLE,
                        unrealized=UNSET_DOUBLE,
                        realized=UNSET_DOUBLE,
                        value=UNSET_DOUBLE,
                    )
                )
                continue
            holding = self._valuation.holding(self._state.universe[con_id], position)
            link.send(
                responses.PnlSingle(
                    req_id=req_id,
                    position=plain(position.quantity),
                    daily=java(holding.unrealized + position.realized),
                    unrealized=java(holding.unrealized),
                    realized=java(position.realized),
                    value=java(holding.value),
                )
            )

    # -- changes ------------------------------------------------------------------------------------

    def publish_position(self, links: Iterable[Link], name: str, con_id: int) -> None:
        """Publish to every subscriber that an account's position in one instrument changed."""
        account = self._reported.accounts[name]
        position = account.positions[con_id]
        for link in links if self._login.shows(name) else []:
            if link.wants_positions:
                link.send(self._position_data(account, con_id, position))
            for req_id, wanted in link.position_requests.items():
                if account in self._named(wanted):
                    link.send(self._position_multi(req_id, account, con_id, position))
            if link.account_updates == name:
                holding = self._valuation.holding(self._state.universe[con_id], position)
                link.send(_portfolio_value(account, holding))

    def publish_pnl(self, links: Iterable[Link]) -> None:
        """Send profit and loss, which moves with the market, to those who asked for it."""
        for link in links:
            for req_id, name in link.pnl_requests.items():
                self._send_pnl(link, req_id, name)
            for req_id, (name, con_id) in link.pnl_single_requests.items():
                self._send_pnl_single(link, req_id, name, con_id)

    def publish_values(self, links: Iterable[Link]) -> None:
        """Send account values again to those who subscribed (real gateways do so every three minutes)."""
        for link in links:
            for req_id, (group, tags) in link.summaries.items():
                self._send_summary(link, req_id, group, tags)
            for req_id, name in link.update_requests.items():
                self._send_updates_multi(link, req_id, self._named(name))
            for account in self._named(link.account_updates) if link.account_updates else []:
                self._send_updates(link, account)

    def _named(self, name: str) -> list[Account]:
        if name in ALL_ACCOUNTS:
            return [known for known in self._reported.accounts.values() if self._login.shows(known.name)]
        group = self._advisor.group(name)
        names = [name] if name in self._reported.accounts else list(group.accounts) if group else []
        return [self._reported.accounts[known] for known in names if known in self._reported.accounts]

    def _chosen(self, link: Link, req_id: int, name: str) -> list[Account]:
        """Return the accounts a request names; an error is sent if there is no such account."""
        accounts = self._named(name)
        if not accounts:
            link.error(req_id, *validation(f"Invalid account code '{name}'"))
        return accounts


def _cost(position: Position) -> Decimal:
    return java(round(position.average_cost, 8))


def _portfolio_value(account: Account, holding: Holding) -> Record:
    return responses.PortfolioValue(
        contract=portfolio_contract(holding.instrument),
        position=plain(holding.position.quantity),
        market_price=holding.price,
        market_value=round(holding.value, 2),
        average_cost=_cost(holding.position),
        unrealized_pnl=round(holding.unrealized, 2),
        realized_pnl=round(holding.position.realized, 2),
        account=account.name,
    )
