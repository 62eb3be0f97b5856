"""What a run will do: orders, cancels, market moves and faults with their moments. Pure, from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random

from tradedesk.chaos.kinds import KINDS, FaultKind, Range
from tradedesk.demo.orders import Outcome, Quote, Sample, sample_orders
from tradedesk.stack.clients import ACCOUNT

GAP = 1.6  # seconds from one fault to the next, on average
SPREAD: Range = (0.125, 1.875)  # of it
LEAD, TAIL = 1.0, 4.0  # seconds with orders before the first fault and after the last
CANCEL_AFTER: Range = (0.0, 3.0)  # seconds from the answer
REPLACE_AFTER: Range = (0.0, 1.5)  # seconds from the answer
RAISE_BY = 10  # shares
MOVES_AT = 0.6  # of the run: then the markets move and elect the stops that wait for it


@dataclass(frozen=True, kw_only=True)
class PlannedOrder:
    """An order and its moment (seconds from the start).

    Replaced to a higher quantity and canceled so long after its answer, or not (None).
    """

    at: float
    sample: Sample
    cancel_after: float | None
    replace_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """A fault and its moment; `pauses` are the seconds before each of its steps but the first."""

    at: float
    kind: str
    pauses: tuple[float, ...]
    fields: Mapping[str, object]

    @property
    def until(self) -> float:
        """When the last step is due."""
        return round(self.at + sum(self.pauses), 3)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a run will do, in order of time; `duration` in seconds."""

    seed: int
    orders: Sequence[PlannedOrder]
    faults: Sequence[PlannedFault]
    moves_at: float
    duration: float


def make_plan(*, orders: int, faults: int, seed: int, quotes: Sequence[Quote], gap: float = GAP) -> Plan:
    """The plan of this seed: the same one every time."""
    random = Random(seed)  # noqa: S311 - that it can be repeated is the point
    planned = plan_faults(faults, random, gap)
    duration = max([fault.until for fault in planned], default=LEAD) + TAIL
    return Plan(
        seed=seed,
        orders=plan_orders(orders, duration, random, quotes),
        faults=planned,
        moves_at=duration * MOVES_AT,
        duration=duration,
    )


def plan_faults(count: int, random: Random, gap: float = GAP) -> list[PlannedFault]:
    """Faults at random moments. Two may overlap, but no part is harmed twice at once."""
    free_at: dict[str, float] = {}
    planned: list[PlannedFault] = []
    for moment in accumulate((gap * random.uniform(*SPREAD) for _ in range(count)), initial=LEAD):
        if len(planned) == count:
            break
        kind = random.choices(list(KINDS.values()), [kind.weight for kind in KINDS.values()])[0]
        fault = draw(kind, max(moment, free_at.get(kind.target, 0.0)), random)
        free_at[kind.target] = fault.until
        planned.append(fault)
    return sorted(planned, key=lambda fault: fault.at)


def draw(kind: FaultKind, at: float, random: Random) -> PlannedFault:
    """One fault of this kind, its lengths and numbers drawn."""
    pauses = tuple(round(random.uniform(*step.pause), 3) for step in kind.steps[1:])
    fields = {name: random.choice(values) for name, values in kind.fields.items()}
    return PlannedFault(at=round(at, 3), kind=kind.name, pauses=pauses, fields=fields)


def plan_orders(count: int, duration: float, random: Random, quotes: Sequence[Quote]) -> list[PlannedOrder]:
    """A mix of orders spread over the run, some with the default freshness, some to be held when in doubt."""
    samples = sample_orders(
        count,
        quotes,
        account=ACCOUNT,
        run=f"chaos{random.randrange(1 << 32):08x}",
        seed=random.randrange(1 << 32),
        can_move=True,
    )
    moments = sorted(random.uniform(0, duration) for _ in samples)
    return [
        PlannedOrder(
            at=round(moment, 3),
            sample=varied(sample, random),
            cancel_after=cancel_after(sample, random),
            replace_after=replace_after(sample, random),
        )
        for moment, sample in zip(moments, samples, strict=True)
    ]


def cancel_after(sample: Sample, random: Random) -> float | None:
    """Those that rest to be canceled are, and now and then another one, whatever it is doing by then."""
    wanted = sample.outcome is Outcome.CANCELED or random.random() < 0.1
    return round(random.uniform(*CANCEL_AFTER), 3) if wanted else None


def replace_after(sample: Sample, random: Random) -> float | None:
    """Some of the limit orders get another quantity, whatever they are doing by then."""
    wanted = sample.body["ord_type"] == "LIMIT" and random.random() < 0.3
    return round(random.uniform(*REPLACE_AFTER), 3) if wanted else None


def varied(sample: Sample, random: Random) -> Sample:
    """The sample with another policy for doubt, outages or freshness."""
    body = dict(sample.body)
    match random.choices(("none", "fresh", "hold", "reject"), (60, 20, 10, 10))[0]:
        case "fresh":
            del body["max_age"]  # a market order is stale within seconds, and then never sent
        case "hold":
            body["on_unconfirmed"] = "hold"
        case "reject":
            body["if_broker_down"] = "reject"
    return replace(sample, body=body)
