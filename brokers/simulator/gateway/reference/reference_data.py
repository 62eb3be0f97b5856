"""Answers that need neither market nor account: venues, providers, branding, and what a gateway has not."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_uppercase
from typing import Any

from brokers.simulator.exchange.instruments import Universe
from brokers.simulator.gateway.clients.accounts import LoggedIn
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.texts.refusals import validation
from brokers.simulator.wire import client_reference as requests
from brokers.simulator.wire import server_reference as responses
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.values import UNSET_INT

#: The map of venues that stands behind the best prices of US stocks.
BBO_EXCHANGE = "9c0001"
_NO_SCANS = '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse/>'


class ReferenceService:
    """Says what stands fast."""

    def __init__(self, universe: Universe, login: LoggedIn) -> None:
        self._universe = universe
        self._login = login

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request; bulletins and window groups there are none."""
        return {
            requests.ReqSmartComponents: self.smart_components,
            requests.ReqMktDepthExchanges: self.depth_exchanges,
            requests.ReqSoftDollarTiers: self.soft_dollar_tiers,
            requests.ReqFamilyCodes: self.family_codes,
            requests.ReqNewsProviders: lambda link, message: link.send(responses.NewsProviders()),
            requests.ReqScannerParameters: lambda link, message: link.send(
                responses.ScannerParameters(xml=_NO_SCANS)
            ),
            requests.ReqUserInfo: lambda link, message: link.send(responses.UserInfo(req_id=message.req_id)),
            requests.QueryDisplayGroups: self.display_groups,
            requests.UnsubscribeFromGroupEvents: lambda link, message: None,
            requests.ReqNewsBulletins: lambda link, message: None,
            requests.CancelNewsBulletins: lambda link, message: None,
        }

    def smart_components(self, link: Link, message: requests.ReqSmartComponents) -> None:
        """Send the venues behind an exchange map, with their letters; 321 for a map that was never sent."""
        if message.bbo_exchange != BBO_EXCHANGE:
            link.error(message.req_id, *validation(f"Unknown BBO exchange '{message.bbo_exchange}'"))
            return
        stock = next(found for found in self._universe.instruments.values() if found.sec_type == "STK")
        venues = [venue for venue in stock.venues if venue != "SMART"]
        components = tuple(
            responses.SmartComponent(bit=bit, exchange=venue, letter=letter)
            for bit, (venue, letter) in enumerate(zip(venues, ascii_uppercase, strict=False))
        )
        link.send(responses.SmartComponents(req_id=message.req_id, components=components))

    def depth_exchanges(self, link: Link, message: requests.ReqMktDepthExchanges) -> None:
        """Send every venue with the kinds of instruments whose book it shows."""
        pairs = {
            (venue, found.sec_type): None
            for found in self._universe.instruments.values()
            if found.is_tradable
            for venue in found.venues
            if venue != "SMART"
        }
        rows = tuple(
            responses.DepthExchange(
                exchange=venue, sec_type=sec_type, agg_group=1 if sec_type == "STK" else UNSET_INT
            )
            for venue, sec_type in sorted(pairs)
        )
        link.send(responses.MktDepthExchanges(exchanges=rows))

    def soft_dollar_tiers(self, link: Link, message: requests.ReqSoftDollarTiers) -> None:
        """Send an empty list: this login has no tiers."""
        link.send(responses.SoftDollarTiers(req_id=message.req_id))

    def family_codes(self, link: Link, message: requests.ReqFamilyCodes) -> None:
        """Send every account with an empty code: they belong to no family."""
        link.send(
            responses.FamilyCodes(
                codes=tuple(responses.FamilyCode(account=name) for name in self._login.accounts)
            )
        )

    def display_groups(self, link: Link, message: requests.QueryDisplayGroups) -> None:
        """Send an empty list: a gateway has no windows."""
        link.send(responses.DisplayGroupList(req_id=message.req_id))
