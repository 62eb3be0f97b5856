"""Several accounts behind one login, and the advisor's groups of them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.gateway.accounts.allocation import allot
from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.gateway.memory.facts import AnyFact
from brokers.simulator.wire import client as plain
from brokers.simulator.wire import client_reference as requests
from brokers.simulator.wire import server
from brokers.simulator.wire import server_reference as responses
from brokers.simulator.wire.order_reports import OpenOrder
from tests.unit.simulator.kit import AAPL, Bench, errors, only, story

ACCOUNTS = ("DU1", "DU2", "DU3")
TWO = (
    "<ListOfGroups><Group><name>Two</name><ListOfAccts varName='list'><String>DU1</String>"
    "<String>DU2</String></ListOfAccts><defaultMethod>NetLiq</defaultMethod></Group></ListOfGroups>"
)


@pytest.fixture
def several() -> Bench:
    return Bench(accounts=ACCOUNTS)


@pytest.fixture
def advisor() -> Bench:
    return Bench(accounts=ACCOUNTS, advisor="DF1")


def names(rows: list[server.Record], kind: type[server.Record]) -> list[str]:
    return list(dict.fromkeys(row.account for row in only(kind, rows)))  # type: ignore[attr-defined]


# -- several accounts --------------------------------------------------------------------------------


def test_all_accounts_are_named_at_the_start(several: Bench) -> None:
    link = Link(178)
    several.gateway.handle(link, plain.StartApi(client_id=2))
    assert only(server.ManagedAccts, link.outbox)[0].accounts == "DU1,DU2,DU3"


def test_an_order_trades_for_the_account_it_names(several: Bench) -> None:
    several.send(plain.ReqPositions())
    assert names(several.place(1, account="DU2"), server.PositionData) == ["DU2"]
    assert errors(several.place(2, account="DU9")) == [321]
    assert errors(several.place(3)) == [435]


def test_multi_requests_are_for_one_account_or_all(several: Bench) -> None:
    several.place(1, account="DU1")
    several.place(2, account="DU3")
    one = several.send(plain.ReqPositionsMulti(req_id=1, account="DU3"))
    every = several.send(plain.ReqPositionsMulti(req_id=2))
    values = several.send(plain.ReqAccountUpdatesMulti(req_id=3, account="DU2"))
    assert names(one, server.PositionMulti) == ["DU3"]
    assert names(every, server.PositionMulti) == ["DU1", "DU3"]
    assert names(values, server.AccountUpdateMulti) == ["DU2"]


def test_profit_and_loss_is_the_accounts_own(several: Bench) -> None:
    several.place(1, account="DU1")
    several.move("250")
    (total,) = only(server.Pnl, several.send(plain.ReqPnl(req_id=1, account="DU1")))
    (other,) = only(server.Pnl, several.send(plain.ReqPnl(req_id=2, account="DU2")))
    (single,) = only(server.PnlSingle, several.send(plain.ReqPnlSingle(req_id=3, account="DU1", con_id=AAPL)))
    assert total.unrealized is not None
    assert total.unrealized > 1_000
    assert (other.unrealized, single.position) == (0, 100)


def test_the_summary_has_every_account(several: Bench) -> None:
    rows = several.send(plain.ReqAccountSummary(req_id=1, tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == list(ACCOUNTS)


def test_no_more_than_two_summaries_at_once(several: Bench) -> None:
    for number in (1, 2):
        assert not errors(several.send(plain.ReqAccountSummary(req_id=number, tags="Cushion")))
    assert errors(several.send(plain.ReqAccountSummary(req_id=3, tags="Cushion"))) == [322]
    several.send(plain.CancelAccountSummary(req_id=1))
    assert not errors(several.send(plain.ReqAccountSummary(req_id=3, tags="Cushion")))


def test_an_account_more_is_there_after_a_restart() -> None:
    before = Bench(accounts=("DU1",))
    before.place(1)
    after = Gateway(load_universe(), clock=lambda: before.now, accounts=("DU1", "DU2"))
    after.state.apply(msgspec.convert(msgspec.to_builtins(before.gateway.state.snapshot()), AnyFact))
    after.begin(lambda fact: None)
    assert list(after.state.accounts) == ["DU1", "DU2"]
    assert after.state.accounts["DU1"].positions[AAPL].quantity == 100


# -- the advisor -------------------------------------------------------------------------------------


def test_only_an_advisor_has_groups(several: Bench) -> None:
    assert errors(several.send(requests.RequestFa(kind=1))) == [321]
    assert errors(several.send(requests.ReplaceFa(kind=1, xml=TWO, req_id=5))) == [321]


def test_the_advisors_own_account_is_named_first(advisor: Bench) -> None:
    (answer,) = only(server.ManagedAccts, advisor.send(plain.ReqManagedAccts()))
    assert answer.accounts == "DF1,DU1,DU2,DU3"


@pytest.mark.parametrize(
    ("kind", "root"), [(1, "ListOfGroups"), (2, "ListOfAllocationProfiles"), (3, "ListOfAccountAliases")]
)
def test_every_kind_of_configuration_is_there_from_the_start(advisor: Bench, kind: int, root: str) -> None:
    (answer,) = only(responses.ReceiveFa, advisor.send(requests.RequestFa(kind=kind)))
    assert f"<{root}" in answer.xml


def test_all_clients_are_a_group_from_the_start(advisor: Bench) -> None:
    rows = advisor.send(plain.ReqAccountSummary(req_id=1, group="AllClients", tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == list(ACCOUNTS)


def test_a_replaced_group_is_kept_and_counts(advisor: Bench) -> None:
    assert advisor.send(requests.ReplaceFa(kind=1, xml=TWO, req_id=5)) == [responses.ReplaceFaEnd(req_id=5)]
    assert only(responses.ReceiveFa, advisor.send(requests.RequestFa(kind=1)))[0].xml == TWO
    rows = advisor.send(plain.ReqAccountSummary(req_id=1, group="Two", tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == ["DU1", "DU2"]
    advisor.place(1, account="DU2")
    advisor.place(2, account="DU3")
    positions = advisor.send(plain.ReqPositionsMulti(req_id=2, account="Two"))
    assert names(positions, server.PositionMulti) == ["DU2"]


def test_the_groups_survive_a_restart(advisor: Bench) -> None:
    advisor.send(requests.ReplaceFa(kind=1, xml=TWO, req_id=5))
    again = Bench(accounts=ACCOUNTS, advisor="DF1")
    again.gateway.state.apply(advisor.gateway.state.snapshot())
    assert only(responses.ReceiveFa, again.send(requests.RequestFa(kind=1)))[0].xml == TWO


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        ("<ListOfGroups", 1),
        ("<Nonsense/>", 1),
        (TWO.replace("DU2", "DU9"), 1),
        ('<!DOCTYPE x [<!ENTITY a "aa">]><ListOfGroups/>', 1),
        ("", 3),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(advisor: Bench, xml: str, kind: int) -> None:
    before = story(advisor.send(requests.RequestFa(kind=kind)))
    assert errors(advisor.send(requests.ReplaceFa(kind=kind, xml=xml, req_id=5))) == [10230]
    assert story(advisor.send(requests.RequestFa(kind=kind))) == before == ["ReceiveFa"]


# -- orders for a group ------------------------------------------------------------------------------

RATIO = (
    "<ListOfGroups><Group><name>Split</name><ListOfAccts varName='list'>"
    "<Account><acct>DU1</acct><amount>70</amount></Account>"
    "<Account><acct>DU2</acct><amount>30</amount></Account>"
    "</ListOfAccts><defaultMethod>Ratio</defaultMethod></Group></ListOfGroups>"
)


def positions(bench: Bench) -> dict[str, Decimal]:
    accounts = bench.gateway.state.accounts.values()
    return {a.name: a.positions[AAPL].quantity for a in accounts if AAPL in a.positions}


def executions(bench: Bench, **wanted: object) -> list[tuple[str, Decimal | None]]:
    received = bench.send(plain.ReqExecutions(req_id=1, **wanted))  # type: ignore[arg-type]
    return [(m.execution.account, m.execution.shares) for m in only(server.ExecutionData, received)]


def test_an_order_for_a_group_fills_once_and_is_shared_out(advisor: Bench) -> None:
    received = advisor.place(1, fa_group="AllClients", fa_method="EqualQuantity", total_quantity=100)
    fills = only(server.ExecutionData, received)
    assert [(m.execution.account, m.execution.shares) for m in fills] == [
        *(("DF1", 100), ("DU1", 34), ("DU2", 33), ("DU3", 33))
    ]
    assert positions(advisor) == {"DU1": 34, "DU2": 33, "DU3": 33}
    opened = only(OpenOrder, received)[0]
    assert (opened.order.account, opened.order.fa_group) == ("DF1", "AllClients")


def test_each_account_sees_its_own_share(advisor: Bench) -> None:
    advisor.place(1, fa_group="AllClients", total_quantity=90)
    assert executions(advisor) == [("DF1", 90)]
    assert executions(advisor, account="DU2") == [("DU2", 30)]
    commissions = [fact.commission for fact in advisor.gateway.state.executions]
    assert commissions[0] == sum(commissions[1:])


def test_a_group_may_share_by_ratio(advisor: Bench) -> None:
    advisor.send(requests.ReplaceFa(kind=1, xml=RATIO, req_id=9))
    advisor.place(1, fa_group="Split", total_quantity=10)
    assert positions(advisor) == {"DU1": 7, "DU2": 3}


def test_net_liquidation_decides_who_gets_more(advisor: Bench) -> None:
    advisor.send(requests.ReplaceFa(kind=1, xml=TWO, req_id=9))
    advisor.gateway.state.accounts["DU2"].cash["USD"] *= 3
    advisor.place(1, fa_group="Two", total_quantity=100)
    assert positions(advisor) == {"DU1": 25, "DU2": 75}


def test_shares_follow_positions_when_the_group_closes_them(advisor: Bench) -> None:
    advisor.place(1, account="DU1", total_quantity=30)
    advisor.place(2, account="DU3", total_quantity=10)
    closing = {"fa_group": "AllClients", "fa_method": "PctChange", "action": "SELL"}
    advisor.place(3, total_quantity=40, **closing)
    assert positions(advisor) == {"DU1": 0, "DU3": 0}


def test_a_group_order_filled_in_parts_adds_up_after_a_restart(advisor: Bench) -> None:
    advisor.place(1, fa_group="AllClients", total_quantity=3_001)
    assert sum(positions(advisor).values()) == 3_001
    assert max(positions(advisor).values()) - min(positions(advisor).values()) <= 2
    again = Bench(accounts=ACCOUNTS, advisor="DF1")
    again.gateway.state.apply(advisor.gateway.state.snapshot())
    assert positions(again) == positions(advisor)


@pytest.mark.parametrize(
    "terms", [{"fa_group": "Nobody"}, {"fa_group": "AllClients", "fa_method": "Astrology"}]
)
def test_a_group_or_method_that_is_not_there_is_refused(advisor: Bench, terms: dict[str, str]) -> None:
    assert errors(advisor.place(1, **terms)) == [321]


def test_without_an_advisor_there_is_no_group_order(several: Bench) -> None:
    assert errors(several.place(1, fa_group="AllClients")) == [321]


@given(
    total=st.integers(0, 10**6),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any),
)
def test_shares_add_up_and_are_right_within_a_lot(total: int, weights: list[int]) -> None:
    named = {str(number): Decimal(weight) for number, weight in enumerate(weights)}
    shares = allot(Decimal(total), named, Decimal(1))
    assert sum(shares.values()) == total
    for name, share in shares.items():
        assert abs(share - total * named[name] / sum(weights)) < 1


# -- allocation profiles, which clients up to server version 176 may name -------------------------------

PROFILE = (
    "<ListOfAllocationProfiles><AllocationProfile><name>Split</name><type>1</type>"
    "<ListOfAllocations varName='listOfAllocations'>"
    "<Allocation><acct>DU1</acct><amount>75.0</amount></Allocation>"
    "<Allocation><acct>DU3</acct><amount>25.0</amount></Allocation>"
    "</ListOfAllocations></AllocationProfile></ListOfAllocationProfiles>"
)


def test_an_order_for_a_profile_is_shared_out_by_it(advisor: Bench) -> None:
    assert errors(advisor.send(requests.ReplaceFa(kind=2, xml=PROFILE, req_id=1))) == []
    advisor.place(1, fa_profile="Split")
    accounts = advisor.gateway.state.accounts
    held = {name: accounts[name].positions[AAPL].quantity for name in ("DU1", "DU3")}
    assert held == {"DU1": Decimal(75), "DU3": Decimal(25)}


def test_a_profile_is_known_or_refused(advisor: Bench, several: Bench) -> None:
    assert errors(advisor.place(1, fa_profile="Split")) == [321]
    assert errors(several.place(1, fa_profile="Split")) == [321]
    advisor.send(requests.ReplaceFa(kind=2, xml=PROFILE, req_id=1))
    assert errors(advisor.place(1, fa_profile="Split", account="DU1")) == [321]
    assert errors(advisor.place(1, fa_profile="Split", fa_group="AllClients")) == [321]


@pytest.mark.parametrize("wrong", [("DU3", "DU9"), ("25.0", "all")])
def test_a_profile_that_cannot_be_is_not_taken_in(advisor: Bench, wrong: tuple[str, str]) -> None:
    xml = PROFILE.replace(*wrong)
    assert errors(advisor.send(requests.ReplaceFa(kind=2, xml=xml, req_id=1))) == [10230]
