"""Restarting a gateway by its controller (IBC): the login is kept, the link is DOWN for a minute."""

from __future__ import annotations

from django.conf import settings

from brokers.errors import BrokerUnavailable
from brokers.ib import controller
from orders.controls.audit.acting import Acting, record
from orders.errors import OrderError

KIND = "gateway.restart"


class GatewayNotRestarted(OrderError):
    """The controller is not known, does not answer or refused; says which."""


def restart(session: str, who: Acting) -> str:
    """Ask the controller, and keep who did and what came of it; its answer. Raises GatewayNotRestarted.

    Asked outside of any transaction: the answer may take ten seconds.
    """
    address = settings.GATEWAY_CONTROLS.get(session)
    if address is None:
        raise GatewayNotRestarted(
            f"TRADEDESK_GATEWAY_CONTROL names no command port for the session {session}."
        )
    try:
        answer = controller.command(address, controller.RESTART)
    except BrokerUnavailable as error:
        record(KIND, who, subject=f"session:{session}", new={"error": str(error)}, ok=False)
        raise GatewayNotRestarted(str(error)) from None
    record(KIND, who, subject=f"session:{session}", new={"answer": answer})
    return f"{answer}. The link goes DOWN for a minute or two and comes back by itself."
