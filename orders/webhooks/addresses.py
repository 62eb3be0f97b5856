"""Where a webhook may go: our own network must not be reachable by what a client writes into a URL."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: All that is given out of IPv6 for the public internet; forms that wrap an IPv4 address are elsewhere.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
#: Of these the one that Python learns to refuse only later: examples in documents (RFC 9637).
EXAMPLES = ipaddress.ip_network("3fff::/20")


class AddressRefused(ValueError):
    """The URL leads, or might lead, where no webhook may go."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL and the one address to which it was resolved: whoever posts connects to just this one."""

    url: str
    host: str
    address: str
    port: int


def check_url(url: str) -> SplitResult:
    """The parts of a URL of the right form; raises AddressRefused, whose text is for people."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is not a URL.") from None
    schemes = ("https", "http") if settings.WEBHOOK_PRIVATE else ("https",)
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        raise AddressRefused("This must be an https URL with a host.")
    if port not in (None, *settings.WEBHOOK_PORTS) and not settings.WEBHOOK_PRIVATE:
        ports = " or ".join(map(str, settings.WEBHOOK_PORTS))
        raise AddressRefused(f"The port must be {ports}.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused("This must have neither user, password nor fragment.")
    return parts


def resolve(url: str) -> Target:
    """Resolve a URL now; raises AddressRefused when any of its addresses is not public, or it has none.

    All are looked at, and the one returned is the one to connect to: a name that answers differently a
    moment later (DNS rebinding) does not lead elsewhere.
    """
    parts = check_url(url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused("The host has no address.") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not addresses or not (settings.WEBHOOK_PRIVATE or all(map(is_public, addresses))):
        raise AddressRefused("The host is not on the public internet.")
    return Target(url=url, host=host, address=str(addresses[0]), port=port)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, also when it wraps one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = (address.sixtofour, *(address.teredo or ()))
        if address not in GLOBAL_UNICAST or address in EXAMPLES:
            return False
        if not all(is_public(each) for each in inner if each is not None):
            return False
    return address.is_global and not address.is_multicast
