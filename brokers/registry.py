"""Adapters by dotted path, and what they declare."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from brokers.capabilities import Capabilities

if TYPE_CHECKING:
    from brokers.gate.fence import Fence
    from brokers.gate.pacing import Pacer
    from brokers.port import BrokerSession, Listener


def create(
    name: str,
    adapter: str,
    *,
    host: str,
    port: int,
    client_id: int,
    paper: bool,
    listener: Listener,
    fence: Fence,
    pacer: Pacer,
    time_zone: str = "",
) -> BrokerSession:
    """Build the session `name` with the adapter at this dotted path, which must declare its capabilities.

    It compares the fence before every write of an order, a cancel or a replace, and asks the pacer for all
    else that it says; who calls it has asked for those. `time_zone` is the gateway's own, that of times
    without one; empty when nobody has said.
    """
    capabilities(adapter)
    session: BrokerSession = import_string(adapter)(
        name=name,
        host=host,
        port=port,
        client_id=client_id,
        paper=paper,
        listener=listener,
        fence=fence,
        pacer=pacer,
        time_zone=time_zone,
    )
    return session


@cache
def capabilities(adapter: str) -> Capabilities:
    """What the adapter at `PACKAGE.module.Class` declares, in `PACKAGE.capabilities`.

    Processes without a connection ask too, so the adapter itself and its library are not imported.
    """
    package = adapter.rsplit(".", 2)[0]
    declared: Capabilities = import_string(f"{package}.capabilities.CAPABILITIES")
    return declared
