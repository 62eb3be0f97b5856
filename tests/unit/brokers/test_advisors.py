"""Groups of accounts as gateways tell them: both forms of the list, and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from brokers.fix import OrdType, Side, TimeInForce
from brokers.ib.advisors import NoGroups, groups_of, master_of
from brokers.ib.translate import to_order
from brokers.messages import AdvisorGroup, InstrumentRef, NewOrder
from brokers.order_attributes import Allocation, AllocationMethod

OLDER = (
    '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups><Group><name>Old</name><ListOfAccts varName="list">'
    "<String>DU1</String><String>DU2</String></ListOfAccts><defaultMethod>NetLiq</defaultMethod></Group>"
    "<Group><name>New</name><ListOfAccts><Account><acct>DU3</acct><amount>70</amount></Account>"
    "</ListOfAccts><defaultMethod>Ratio</defaultMethod></Group><Group/></ListOfGroups>"
)


def test_groups_are_read_in_both_forms_of_the_list() -> None:
    assert groups_of(OLDER) == (
        AdvisorGroup(name="Old", method="NetLiq", accounts=("DU1", "DU2")),
        AdvisorGroup(name="New", method="Ratio", accounts=("DU3",)),
    )


@pytest.mark.parametrize("text", ["", "<ListOfGroups", '<!DOCTYPE x [<!ENTITY a "aa">]><ListOfGroups/>'])
def test_what_is_no_list_of_groups_is_refused(text: str) -> None:
    with pytest.raises(NoGroups):
        groups_of(text)


@pytest.mark.parametrize(("accounts", "master"), [(("DF1", "DU1"), "DF1"), (("F1",), "F1"), (("DU1",), "")])
def test_the_master_is_told_by_its_name(accounts: tuple[str, ...], master: str) -> None:
    assert master_of(accounts) == master


def test_a_group_order_names_its_group_and_no_account() -> None:
    order = NewOrder(
        **{"order_id": "o", "order_ref": "TD1", "broker_order_id": 1, "account": "DF1"},
        instrument=InstrumentRef(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"),
        **{"side": Side.BUY, "order_qty": Decimal(100), "ord_type": OrdType.MARKET},
        time_in_force=TimeInForce.DAY,
        allocation=Allocation(group="Growth", method=AllocationMethod.EQUAL),
    )
    wire = to_order(order)
    assert (wire.account, wire.faGroup, wire.faMethod) == ("", "Growth", "Equal")
