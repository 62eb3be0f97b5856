"""What an advisor's group order must be: on the master account of a login that has this group."""

from __future__ import annotations

from collections import defaultdict

from brokers.fix import SecType
from brokers.models import BrokerAccount, Instrument
from brokers.order_attributes import Allocation
from orders.entry.reading.ticket import Ticket
from orders.risk.form.contract import Errors
from orders.store import advisors


def allocation_errors(
    ticket: Ticket, allocation: Allocation, account: BrokerAccount, instrument: Instrument
) -> Errors:
    """Every rule that the ticket's allocation breaks, by field."""
    errors: Errors = defaultdict(list)
    if instrument.sec_type == SecType.BAG:
        errors["allocation"].append("A combination cannot be shared by a group.")
    if ticket.reduce_only:
        errors["reduce_only"].append("The master account of a group order holds no position to reduce.")
    login = advisors.login_of(str(account.session_id))
    if login is None or login.master != account.code:
        why = f"{login.master} is the one of this login" if login else "its login is no advisor's"
        errors["allocation"].append(
            f"{account.code} is no advisor's master account: {why}. Leave allocation out."
        )
        return errors
    known = {group["name"]: group["accounts"] for group in login.groups}
    if allocation.group not in known:
        names = ", ".join(sorted(known)) or "none"
        errors["allocation.group"].append(
            f"The gateway knows no group {allocation.group!r} of {login.master}; it knows {names}."
        )
    elif not known[allocation.group]:
        errors["allocation.group"].append(f"The group {allocation.group!r} has no accounts.")
    return errors
