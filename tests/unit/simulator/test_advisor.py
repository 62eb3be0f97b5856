"""Several accounts behind one login, and the advisor's groups of them."""

from __future__ import annotations

import msgspec
import pytest

from brokers.simulator.exchange.universe import load_universe
from brokers.simulator.gateway.facts import AnyFact
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.gateway.link import Link
from brokers.simulator.wire import client as plain
from brokers.simulator.wire import client_reference as asked
from brokers.simulator.wire import server
from brokers.simulator.wire import server_reference as said
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
    several.say(plain.ReqPositions())
    assert names(several.place(1, account="DU2"), server.PositionData) == ["DU2"]
    assert errors(several.place(2, account="DU9")) == [321]
    assert errors(several.place(3)) == [435]


def test_multi_requests_are_for_one_account_or_all(several: Bench) -> None:
    several.place(1, account="DU1")
    several.place(2, account="DU3")
    one = several.say(plain.ReqPositionsMulti(req_id=1, account="DU3"))
    every = several.say(plain.ReqPositionsMulti(req_id=2))
    values = several.say(plain.ReqAccountUpdatesMulti(req_id=3, account="DU2"))
    assert names(one, server.PositionMulti) == ["DU3"]
    assert names(every, server.PositionMulti) == ["DU1", "DU3"]
    assert names(values, server.AccountUpdateMulti) == ["DU2"]


def test_profit_and_loss_is_the_accounts_own(several: Bench) -> None:
    several.place(1, account="DU1")
    several.move("250")
    (total,) = only(server.Pnl, several.say(plain.ReqPnl(req_id=1, account="DU1")))
    (other,) = only(server.Pnl, several.say(plain.ReqPnl(req_id=2, account="DU2")))
    (single,) = only(server.PnlSingle, several.say(plain.ReqPnlSingle(req_id=3, account="DU1", con_id=AAPL)))
    assert total.unrealized is not None
    assert total.unrealized > 1_000
    assert (other.unrealized, single.position) == (0, 100)


def test_the_summary_has_every_account(several: Bench) -> None:
    rows = several.say(plain.ReqAccountSummary(req_id=1, tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == list(ACCOUNTS)


def test_no_more_than_two_summaries_at_once(several: Bench) -> None:
    for number in (1, 2):
        assert not errors(several.say(plain.ReqAccountSummary(req_id=number, tags="Cushion")))
    assert errors(several.say(plain.ReqAccountSummary(req_id=3, tags="Cushion"))) == [322]
    several.say(plain.CancelAccountSummary(req_id=1))
    assert not errors(several.say(plain.ReqAccountSummary(req_id=3, tags="Cushion")))


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
    assert errors(several.say(asked.RequestFa(kind=1))) == [321]
    assert errors(several.say(asked.ReplaceFa(kind=1, xml=TWO, req_id=5))) == [321]


def test_the_advisors_own_account_is_named_first(advisor: Bench) -> None:
    (answer,) = only(server.ManagedAccts, advisor.say(plain.ReqManagedAccts()))
    assert answer.accounts == "DF1,DU1,DU2,DU3"


@pytest.mark.parametrize(
    ("kind", "root"), [(1, "ListOfGroups"), (2, "ListOfAllocationProfiles"), (3, "ListOfAccountAliases")]
)
def test_every_kind_of_configuration_is_there_from_the_start(advisor: Bench, kind: int, root: str) -> None:
    (answer,) = only(said.ReceiveFa, advisor.say(asked.RequestFa(kind=kind)))
    assert f"<{root}" in answer.xml


def test_all_clients_are_a_group_from_the_start(advisor: Bench) -> None:
    rows = advisor.say(plain.ReqAccountSummary(req_id=1, group="AllClients", tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == list(ACCOUNTS)


def test_a_replaced_group_is_kept_and_counts(advisor: Bench) -> None:
    assert advisor.say(asked.ReplaceFa(kind=1, xml=TWO, req_id=5)) == [said.ReplaceFaEnd(req_id=5)]
    assert only(said.ReceiveFa, advisor.say(asked.RequestFa(kind=1)))[0].xml == TWO
    rows = advisor.say(plain.ReqAccountSummary(req_id=1, group="Two", tags="NetLiquidation"))
    assert names(rows, server.AccountSummary) == ["DU1", "DU2"]
    advisor.place(1, account="DU2")
    advisor.place(2, account="DU3")
    positions = advisor.say(plain.ReqPositionsMulti(req_id=2, account="Two"))
    assert names(positions, server.PositionMulti) == ["DU2"]


def test_the_groups_survive_a_restart(advisor: Bench) -> None:
    advisor.say(asked.ReplaceFa(kind=1, xml=TWO, req_id=5))
    again = Bench(accounts=ACCOUNTS, advisor="DF1")
    again.gateway.state.apply(advisor.gateway.state.snapshot())
    assert only(said.ReceiveFa, again.say(asked.RequestFa(kind=1)))[0].xml == TWO


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
    before = story(advisor.say(asked.RequestFa(kind=kind)))
    assert errors(advisor.say(asked.ReplaceFa(kind=kind, xml=xml, req_id=5))) == [10230]
    assert story(advisor.say(asked.RequestFa(kind=kind))) == before == ["ReceiveFa"]
