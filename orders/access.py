"""Which accounts a person of the desk may see: by permission all, else those of the person's profile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User

from brokers.models import BrokerAccount
from orders.models import DeskProfile
from orders.models.order import GROUP_ORDERS

Accounts = Collection[str]
SEES_ALL = "orders.view_all_accounts"
_KEPT = "_desk_accounts"


def accounts_of_person(user: User | AnonymousUser) -> frozenset[str]:
    """Codes of the accounts that exist for this person; read once per request (kept on the user).

    Who sees every account sees the orders of no single one too: `GROUP_ORDERS` stands for them.
    """
    kept: frozenset[str] | None = getattr(user, _KEPT, None)
    if kept is None:
        kept = frozenset(_accounts(user))
        setattr(user, _KEPT, kept)
    return kept


def _accounts(user: User | AnonymousUser) -> list[str]:
    if not user.is_active:
        return []
    if user.has_perm(SEES_ALL):
        return [*BrokerAccount.objects.values_list("pk", flat=True), GROUP_ORDERS]
    through = DeskProfile.accounts.through
    return list(
        through.objects.filter(deskprofile__user_id=user.pk).values_list("brokeraccount_id", flat=True)
    )


def address_of(meta: Mapping[str, Any]) -> str:
    """Where a request comes from: the peer, or who the one proxy that we trust says that it speaks for.

    Anybody may send X-Forwarded-For; its last word is the proxy's own, and is believed of the proxy alone.
    """
    peer = str(meta.get("REMOTE_ADDR", ""))
    told = str(meta.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    if not told or not is_within(peer, settings.TRUSTED_PROXY):
        return peer
    try:
        return str(ip_address(told))
    except ValueError:
        return peer


def is_within(address: str, networks: str) -> bool:
    """Whether an address is in one of these networks (separated by commas); what is no address is in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    plain = getattr(found, "ipv4_mapped", None) or found  # a socket of both families tells ::ffff:10.0.0.1
    return any(plain in network for network in _networks(networks))


def read_networks(text: str) -> list[str]:
    """Addresses and networks, separated by commas; raises ValueError with what is wrong with one."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := next(filter(None, map(not_network, found)), ""):
        raise ValueError(wrong)
    return found


def not_network(text: str) -> str:
    """What is wrong with the text of an address or network; empty when it is one."""
    try:
        network = ip_network(text)
    except ValueError as error:
        return f"{error}."
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        return f"{text} is of IPv4: write it so, as addresses are compared."  # it would let nobody in
    return ""


def are_within(networks: Collection[str], wider: str) -> bool:
    """Whether each of these networks lies in one of the wider ones."""
    return all(
        any(net.version == big.version and net.subnet_of(big) for big in _networks(wider))  # type: ignore[arg-type]
        for net in map(ip_network, networks)
    )


@cache
def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def address_of_request(request: Any) -> str:
    """The same for django-axes, which counts refused logins by name and address."""
    return address_of(request.META)
