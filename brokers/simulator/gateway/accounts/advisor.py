"""The financial advisor's configuration: groups of accounts, allocation profiles, account aliases."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from xml.etree import ElementTree

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.memory.facts import AdvisorConfigured
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.refusals import Refusal, validation
from brokers.simulator.wire import client_reference as requests
from brokers.simulator.wire import server_reference as responses
from brokers.simulator.wire.records import Record

GROUPS, PROFILES, ALIASES = 1, 2, 3
_ROOTS = {GROUPS: "ListOfGroups", PROFILES: "ListOfAllocationProfiles", ALIASES: "ListOfAccountAliases"}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NO_ADVISOR = validation("FA data operations ignored for non FA customers.")
_LARGEST, _LARGEST_AMOUNT = 1 << 18, Decimal(10) ** 12


class AdvisorGroup(NamedTuple):
    """Accounts that trade together, with what each is down for, and how orders are usually allocated."""

    accounts: dict[str, Decimal]
    method: str


class AdvisorService:
    """Keeps the advisor's configuration; `advisor` is the advisor's own account, empty for other logins."""

    def __init__(self, state: State, advisor: str) -> None:
        self._state = state
        self._advisor = advisor

    def handlers(self) -> dict[type[Record], Callable[[Link, Any], None]]:
        """Return what answers which request."""
        return {requests.RequestFa: self.request, requests.ReplaceFa: self.replace}

    def request(self, link: Link, message: requests.RequestFa) -> None:
        """Send the configuration of a kind; 321 for a login that is no advisor's."""
        refusal = self._refusal(message.kind)
        if refusal is not None:
            link.error(-1, *refusal)
            return
        link.send(responses.ReceiveFa(kind=message.kind, xml=self.xml(message.kind)))

    def replace(self, link: Link, message: requests.ReplaceFa) -> None:
        """Take a new configuration in; 321 if it cannot be, 10230 if it is unreadable."""
        refusal = self._refusal(message.kind) or _check_xml(
            message.kind, message.xml, set(self._state.accounts)
        )
        if refusal is not None:
            link.error(message.req_id, *refusal)
            return
        self._state.apply(AdvisorConfigured(kind=message.kind, xml=message.xml))
        link.send(responses.ReplaceFaEnd(req_id=message.req_id))

    def xml(self, kind: int) -> str:
        """Return the configuration as it is: without any, all accounts are one group named after them."""
        return self._state.advisor.get(kind) or self._initial(kind)

    def group(self, name: str) -> AdvisorGroup | None:
        """Return a group; None if there is no such group, or no advisor."""
        if not self._advisor:
            return None
        return _groups(self.xml(GROUPS)).get(name)

    def profile(self, name: str) -> dict[str, Decimal]:
        """Return what an allocation profile gives to each account; nothing if there is no such profile."""
        return _profiles(self.xml(PROFILES)).get(name, {}) if self._advisor else {}

    def _refusal(self, kind: int) -> Refusal | None:
        if not self._advisor:
            return NO_ADVISOR
        return None if kind in _ROOTS else validation("Invalid FA data type")

    def _initial(self, kind: int) -> str:
        root = ElementTree.Element(_ROOTS[kind])
        clients = [name for name in self._state.accounts if name != self._advisor]
        if kind == GROUPS:
            group = ElementTree.SubElement(root, "Group")
            ElementTree.SubElement(group, "name").text = "AllClients"
            accounts = ElementTree.SubElement(group, "ListOfAccts", varName="list")
            for name in clients:
                ElementTree.SubElement(accounts, "String").text = name
            ElementTree.SubElement(group, "defaultMethod").text = "EqualQuantity"
        if kind == ALIASES:
            for name in self._state.accounts:
                alias = ElementTree.SubElement(root, "AccountAlias")
                ElementTree.SubElement(alias, "account").text = name
                ElementTree.SubElement(alias, "alias").text = name
        return _HEAD + ElementTree.tostring(root, encoding="unicode")


def _parsed(text: str) -> ElementTree.Element:
    """Return the document; raises ValueError. What declares entities is refused before it is parsed."""
    if len(text) > _LARGEST or "<!" in text:
        raise ValueError("the document is too large or has declarations")
    try:
        return ElementTree.fromstring(text.encode())  # noqa: S314 - nothing that expands gets here
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error


def _groups(text: str) -> dict[str, AdvisorGroup]:
    return {
        group.findtext("name", ""): AdvisorGroup(_members(group), group.findtext("defaultMethod", ""))
        for group in _parsed(text).iter("Group")
    }


def _profiles(text: str) -> dict[str, dict[str, Decimal]]:
    """Return the profiles by name: percentages, ratios and shares are all proportions of an order."""
    return {
        profile.findtext("name", ""): {
            share.findtext("acct", ""): _amount(share.findtext("amount", "0"))
            for share in profile.iter("Allocation")
        }
        for profile in _parsed(text).iter("AllocationProfile")
    }


def _members(group: ElementTree.Element) -> dict[str, Decimal]:
    """Return the accounts with their amounts; the older form of the list has none."""
    members = {account.text or "": Decimal(1) for account in group.iter("String")}
    for account in group.iter("Account"):
        members[account.findtext("acct", "")] = _amount(account.findtext("amount", "1"))
    return members


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount") from None
    if not (amount.is_finite() and 0 <= amount < _LARGEST_AMOUNT):
        raise ValueError(f"{text!r} is no amount")
    return amount


def _check_xml(kind: int, text: str, accounts: set[str]) -> Refusal | None:
    try:
        root = _parsed(text)
        if root.tag != _ROOTS[kind]:
            return Refusal(10230, f"Failed to replace FA data:{_ROOTS[kind]} expected")
        lists = [group.accounts for group in _groups(text).values()] if kind == GROUPS else []
        lists += _profiles(text).values() if kind == PROFILES else []
        named = {name for accounts_of_one in lists for name in accounts_of_one}
    except ValueError as error:
        return Refusal(10230, f"Failed to replace FA data:{error}")
    unknown = sorted(named - accounts)
    return Refusal(10230, f"Failed to replace FA data:Invalid account {unknown[0]}") if unknown else None
