"""A version beside the one before it, on the new schema, under load; then back again: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.versions import NEW, TwoVersions, older
from tradedesk.chaos.kills import Flow, compare, longest_gap, quiet
from tradedesk.env import BASE_DIR
from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually

CALM = 4.0  # seconds of orders after each step
HOLDER = "SELECT lease_owner FROM brokers_gatewaysession WHERE link = 'READY' AND lease_until > now()"
#: The version before may have kept its settings in the audit without the name of its process.
BY_NOBODY = "SELECT id FROM orders_auditrecord WHERE process = '' AND kind = 'setting'"


def explain_settings(stack: TwoVersions) -> None:
    """Somebody answers for what the version before wrote without a name."""
    password = (stack.options.data / "desk_password").read_text().strip()
    for (number,) in stack.rows(BY_NOBODY):
        explain = ("audit", "explain", str(number), "--by", "desk", "--reason", "kept by the version before")
        stack.command(BASE_DIR, *explain, TRADEDESK_PERSON_PASSWORD=password)


class Drill:
    """The steps of an upgrade while orders flow to both versions; each step says what it cost."""

    def __init__(self, stack: TwoVersions, record: Callable[[str, object], None]) -> None:
        self.stack = stack
        self.record = record
        self.flows: list[Flow] = []

    def tell(self, name: str, value: object) -> None:
        """A figure of the drill: printed with `-s`, and kept with the result."""
        print(f"{name}: {value}")
        self.record(name, value)

    @contextmanager
    def flow(self, api: Api, name: str) -> Iterator[Flow]:
        """Orders to one version's web."""
        with Flow(api, name) as flow:
            self.flows.append(flow)
            time.sleep(CALM)
            yield flow

    def step(self, name: str, do: Callable[[], object]) -> None:
        """One step, then orders for a while; the longest time in which none was sent."""
        began = datetime.now(UTC)
        do()
        time.sleep(CALM)
        gap = eventually(lambda: longest_gap(self.stack, began), limit=120)
        self.tell(f"{name}: seconds without a send", round(gap, 2))

    def hand_over(self, old: str, new: str) -> None:
        """Start another broker worker beside, then stop the one that holds the session."""
        self.stack.launch(new)
        time.sleep(CALM)  # it has read its settings, and stands by
        self.stack.stop(old)
        process = self.stack.running[new]
        eventually(lambda: f":{process.pid}:" in self.holder(), limit=120)

    def holder(self) -> str:
        """Who holds the session with a link."""
        return "".join(str(owner) for (owner,) in self.stack.rows(HOLDER))

    def exchange(self, *pairs: tuple[str, str]) -> None:
        """Start each second one, then stop the first."""
        for old, new in pairs:
            self.stack.start(new)
            self.stack.stop(old)

    def prove(self) -> None:
        """Both books agree, every order that was taken is done, and no client met what it cannot repeat."""
        statuses = {status for flow in self.flows for status in flow.statuses}
        assert statuses <= {200, 201}, statuses
        assert quiet(self.stack) == []
        taken = [order_id for flow in self.flows for order_id in flow.taken]
        assert {name: found for name, found in compare(self.stack, taken).items() if found} == {}
        self.tell("orders taken by both", {flow.name: len(flow.taken) for flow in self.flows})
        self.tell("requests repeated", {flow.name: dict(flow.repeats) for flow in self.flows})


def test_two_versions_trade_beside_each_other_and_back(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    before = older(tmp_path / "older")
    with TwoVersions(tmp_path / "stack", before, without=("flower",)) as stack, ExitStack() as undo:
        new_api = undo.enter_context(stack.api_of_new())
        drill = Drill(stack, record_property)
        drill.tell("from", before.name)
        if not before.is_older_code:  # its models know what its schema lacks
            stack.upgrade()
        with drill.flow(stack.api, "old"):
            drill.step("the schema of the new", stack.upgrade)
            stack.add_new()
            stack.start(f"{NEW}web", f"{NEW}stream")
            with drill.flow(new_api, "beside"):
                drill.step("the new broker worker", lambda: drill.hand_over("broker", f"{NEW}broker"))
                drill.step(
                    "the new worker and beat",
                    lambda: drill.exchange(("worker", f"{NEW}worker"), ("beat", f"{NEW}beat")),
                )
        stack.stop("web", "stream")
        with drill.flow(new_api, "new"):
            stack.start("web", "stream")
            with drill.flow(stack.api, "back"):
                drill.step("the old broker worker again", lambda: drill.hand_over(f"{NEW}broker", "broker"))
                drill.step(
                    "the old worker and beat again",
                    lambda: drill.exchange((f"{NEW}worker", "worker"), (f"{NEW}beat", "beat")),
                )
        stack.stop(f"{NEW}web", f"{NEW}stream")
        with drill.flow(stack.api, "rolled-back"):
            pass
        drill.prove()
        explain_settings(stack)
        assert "unbroken" in stack.command(BASE_DIR, "audit", "verify")
