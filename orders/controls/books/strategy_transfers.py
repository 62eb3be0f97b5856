"""Moving a part of a position from one strategy to another: asked by one person, booked when another agrees.

The broker is told nothing: its position stays as it is. It always needs two, whatever the settings say,
because nobody outside would ever notice it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.formats import decimal_text
from brokers.models import BrokerAccount, Instrument, Position
from orders.controls.persons.approvals import Act, propose
from orders.controls.persons.people import Actor
from orders.errors import OrderError
from orders.models import Approval, ApprovalKind, Scope, StrategyTransfer
from orders.reconciliation.strategies.rows import held

REST = "the rest"


class TransferInvalid(OrderError):
    """It cannot be moved so; the text says why."""

    code = "INVALID"

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class WantedTransfer:
    """How much of what `from_strategy` holds goes to `to_strategy`; a short position goes as a short one.

    An empty strategy is the rest that belongs to none. Without a price, at the last one that is known.
    """

    account: str
    con_id: int
    from_strategy: str
    to_strategy: str
    quantity: Decimal
    price: Decimal | None = None


def propose_transfer(wanted: WantedTransfer, *, actor: Actor, reason: str) -> Approval:
    """Let it wait for a second person. Raises NotAllowed and TransferInvalid."""
    actor.require(Scope.RISK, [wanted.account])
    contract = _contract(wanted.account, wanted.con_id)
    signed = _signed(wanted)
    price = wanted.price if wanted.price is not None else contract["last_px"]
    if price is None:
        raise TransferInvalid("price", "No price of this contract is known here: say at which it is moved.")
    names = wanted.from_strategy or REST, wanted.to_strategy or REST
    moved = f"{decimal_text(signed)} {contract['symbol']}"
    return propose(
        ApprovalKind.TRANSFER,
        title=f"{moved} in {wanted.account} from {names[0]} to {names[1]} at {decimal_text(price)}",
        diff=[
            {"what": "strategy", "old": names[0], "new": names[1]},
            {"what": "quantity", "old": "", "new": moved},
            {"what": "price", "old": "", "new": f"{decimal_text(price)} {contract['currency']}"},
        ],
        payload={
            "account": wanted.account,
            "con_id": wanted.con_id,
            "from": wanted.from_strategy,
            "to": wanted.to_strategy,
            "quantity": decimal_text(signed),
            "price": decimal_text(price),
        },
        accounts=[wanted.account],
        actor=actor,
        reason=reason,
    )


def _signed(wanted: WantedTransfer) -> Decimal:
    """What `to_strategy` gets. Raises TransferInvalid for more than is there, and for what moves nothing."""
    if wanted.from_strategy == wanted.to_strategy:
        raise TransferInvalid("to_strategy", "It is the strategy that it comes from.")
    if wanted.quantity <= 0:
        raise TransferInvalid("quantity", "The quantity must be above zero.")
    there = held(wanted.account, wanted.con_id, wanted.from_strategy)
    if wanted.quantity > abs(there):
        name = wanted.from_strategy or REST
        raise TransferInvalid("quantity", f"{name} holds {decimal_text(there)}, which is not so much.")
    return wanted.quantity if there > 0 else -wanted.quantity


def _contract(account: str, con_id: int) -> dict[str, Any]:
    """What is known of it. Raises TransferInvalid where the account never held it."""
    position = Position.objects.filter(account=account, con_id=con_id).first()
    if position is None:
        raise TransferInvalid("con_id", "The account has never held this contract.")
    row = Instrument.objects.filter(con_id=con_id).order_by("last_px_at").last()
    return {
        "symbol": position.symbol,
        "sec_type": position.sec_type,
        "currency": position.currency,
        "multiplier": row.multiplier / row.price_magnifier if row else Decimal(1),
        "last_px": row.last_px if row else None,
    }


class TransferAct(Act):
    """A transfer between strategies."""

    kind = ApprovalKind.TRANSFER

    def why_outdated(self, approval: Approval) -> str:
        """What is moved must still be there. Two transfers of one account wait for each other."""
        said = approval.payload
        BrokerAccount.objects.select_for_update().get(pk=said["account"])
        there, moved = held(said["account"], said["con_id"], said["from"]), Decimal(said["quantity"])
        if moved * there > 0 and abs(moved) <= abs(there):
            return ""
        return f"{said['from'] or REST} holds {decimal_text(there)} now."

    def carry_out(self, approval: Approval) -> str:
        """Book it."""
        said = approval.payload
        contract = _contract(said["account"], said["con_id"])
        del contract["last_px"]
        row = StrategyTransfer.objects.create(
            account_id=said["account"],
            con_id=said["con_id"],
            from_strategy=said["from"],
            to_strategy=said["to"],
            quantity=Decimal(said["quantity"]),
            price=Decimal(said["price"]),
            reason=approval.reason,
            made_by=approval.made_by,
            approved_by=approval.decided_by,
            approval=approval,
            **contract,
        )
        return f"Booked: {decimal_text(row.quantity)} {row.symbol} to {row.to_strategy or REST}."
