"""The groups of an advisor's login, from the XML that the gateway tells them in."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from brokers.messages import AdvisorGroup

#: What requestFA calls the groups.
GROUPS = 1
#: Master accounts of advisors begin so, those on paper and those with real money.
MASTERS = ("DF", "F")


class NoGroups(ValueError):
    """What was told cannot be read as groups."""


def master_of(accounts: Sequence[str]) -> str:
    """The advisor's own account among those of a login, which is named first; empty for any other login."""
    return next((account for account in accounts if account.startswith(MASTERS)), "")


def groups_of(text: str) -> tuple[AdvisorGroup, ...]:
    """The groups; raises NoGroups for what is no list of groups."""
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise NoGroups(repr(error)) from None
    found = (_group(element) for element in root.iter("Group"))
    return tuple(group for group in found if group.name)


def _group(element: Element) -> AdvisorGroup:
    """One group; newer gateways list `Account` with an amount, older ones bare names."""
    newer = [account.findtext("acct", "") for account in element.iter("Account")]
    older = [account.text or "" for account in element.iter("String")]
    return AdvisorGroup(
        name=element.findtext("name", ""),
        method=element.findtext("defaultMethod", ""),
        accounts=tuple(account for account in [*newer, *older] if account),
    )
