"""Every kind of fault: which part it harms, in which steps, and what is drawn for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from tradedesk.chaos.ground import Ground

Range = tuple[float, float]
Act = Callable[[Ground, Mapping[str, object]], None]
PROCESSES = ("broker", "web", "worker", "beat", "stream", "simgateway")
BOOT: Range = (6.0, 8.0)  # seconds until a standby is up and waiting for the lease


@dataclass(frozen=True, kw_only=True)
class FaultStep:
    """One act of a fault, `pause` (seconds, a range to draw from) after the one before."""

    act: Act
    pause: Range = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """A kind of fault: its last step heals. `fields` are numbers to draw for the steps."""

    name: str
    target: str
    steps: tuple[FaultStep, ...]
    weight: int = 2
    fields: Mapping[str, Sequence[object]] = field(default_factory=dict)


def harmful(name: str, target: str, harm: Act, heal: Act, lasts: Range, **more: object) -> FaultKind:
    """A kind of two steps: harm, and after a while heal."""
    steps = (FaultStep(act=harm), FaultStep(act=heal, pause=lasts))
    return FaultKind(name=name, target=target, steps=steps, **more)  # type: ignore[arg-type]


# --- processes --------------------------------------------------------------------------------------
def kill(name: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGKILL."""
    ground.system.kill(name)


def terminate(name: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGTERM; what it does about it is waited for by the next step."""
    ground.ask_to_stop(name)


def launch(name: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """Start it again, once it is gone, as a supervisor does."""
    ground.wait_until_stopped(name)
    ground.system.launch(name)


def freeze(name: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGSTOP."""
    ground.system.freeze(name)


def thaw(name: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGCONT."""
    ground.system.thaw(name)


def nothing(ground: Ground, fields: Mapping[str, object]) -> None:
    """For what heals by itself."""


def process_kinds() -> list[FaultKind]:
    """Each process killed and stopped; the two ends of the broker connection also frozen."""
    kinds = []
    for name in PROCESSES:
        weight = 4 if name == "broker" else 2
        back = partial(launch, name)
        kinds.append(harmful(f"kill_{name}", name, partial(kill, name), back, (0.0, 2.0), weight=weight))
        kinds.append(harmful(f"term_{name}", name, partial(terminate, name), back, (1.0, 3.0)))
    for name in ("broker", "simgateway", "postgres", "redis"):
        frozen = harmful(f"freeze_{name}", name, partial(freeze, name), partial(thaw, name), (0.5, 7.0))
        kinds.append(frozen)
    return kinds


# --- a second one of a process ----------------------------------------------------------------------
def stand_by(ground: Ground, fields: Mapping[str, object]) -> None:
    """A second broker worker waits for the lease."""
    ground.system.launch("standby")


def kill_holder(ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGKILL the first one; the second one is the broker worker from now on."""
    ground.system.kill("broker")
    ground.promote_standby()


def thaw_holder(ground: Ground, fields: Mapping[str, object]) -> None:
    """The first one wakes up, perhaps without its lease, and must not send."""
    ground.system.thaw("broker")


def retire_holder(ground: Ground, fields: Mapping[str, object]) -> None:
    """The second one is the broker worker from now on, if it was not before."""
    ground.ask_to_stop("broker")
    ground.wait_until_stopped("broker")
    ground.promote_standby()


def wrong_clock(ground: Ground, fields: Mapping[str, object]) -> None:
    """A broker worker on a machine whose clock is off."""
    ground.set_clock(fields["offset"])


def own_clock(ground: Ground, fields: Mapping[str, object]) -> None:
    """One whose clock is right."""
    ground.set_clock(0)


def second_beat(ground: Ground, fields: Mapping[str, object]) -> None:
    """Two schedulers: every task comes twice."""
    ground.system.launch("second_beat")


def one_beat(ground: Ground, fields: Mapping[str, object]) -> None:
    """One again."""
    ground.system.kill("second_beat")


#: Below and above the skew at which nothing is concluded any more.
OFFSETS = [-30, -8, -2, 2, 8, 30]
CLOCK_KINDS = [
    harmful("clock_broker", "broker", wrong_clock, own_clock, (8.0, 16.0), fields={"offset": OFFSETS})
]
SECOND_KINDS = [
    harmful("second_beat", "second_beat", second_beat, one_beat, (8.0, 20.0)),
    FaultKind(
        name="standby_kill",
        target="broker",
        steps=(FaultStep(act=stand_by), FaultStep(act=kill_holder, pause=BOOT)),
    ),
    FaultKind(
        name="standby_freeze",
        target="broker",
        steps=(
            FaultStep(act=stand_by),
            FaultStep(act=partial(freeze, "broker"), pause=BOOT),
            FaultStep(act=thaw_holder, pause=(2.0, 9.0)),
            FaultStep(act=retire_holder, pause=(0.5, 3.0)),
        ),
    ),
]


# --- servers ----------------------------------------------------------------------------------------
def crash_postgres(ground: Ground, fields: Mapping[str, object]) -> None:
    """`-m immediate`: no checkpoint, every connection dropped."""
    ground.system.postgres.crash()


def start_postgres(ground: Ground, fields: Mapping[str, object]) -> None:
    """Start it; it recovers from its log."""
    ground.system.postgres.start()


def kill_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGKILL: up to a second of what it took is lost."""
    ground.system.redis.kill()


def lose_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """SIGKILL and its data with it."""
    ground.system.redis.kill()
    shutil.rmtree(ground.system.redis.folder)


def start_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """Start it with what is there."""
    ground.system.redis.start()


def wipe_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """FLUSHALL."""
    ground.system.wipe_redis()


def fill_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """No room for anything more: every write is refused."""
    ground.limit_redis("1")


def empty_redis(ground: Ground, fields: Mapping[str, object]) -> None:
    """Room again."""
    ground.limit_redis("0")


def crowd_postgres(ground: Ground, fields: Mapping[str, object]) -> None:
    """Somebody takes every connection that is left."""
    ground.crowd_postgres()


def clear_postgres(ground: Ground, fields: Mapping[str, object]) -> None:
    """And gives them back."""
    ground.clear_postgres()


SERVER_KINDS = [
    harmful("crowd_postgres", "postgres", crowd_postgres, clear_postgres, (1.0, 6.0)),
    harmful("fill_redis", "redis", fill_redis, empty_redis, (1.0, 6.0)),
    harmful("crash_postgres", "postgres", crash_postgres, start_postgres, (0.0, 4.0), weight=3),
    harmful("kill_redis", "redis", kill_redis, start_redis, (0.0, 4.0)),
    harmful("lose_redis", "redis", lose_redis, start_redis, (0.0, 4.0)),
    harmful("wipe_redis", "redis", wipe_redis, nothing, (0.0, 0.0)),
]


# --- the gateway's own ------------------------------------------------------------------------------
def gateway(kind: str, ground: Ground, fields: Mapping[str, object]) -> None:
    """Ask the gateway for a fault of its own."""
    ground.ask_gateway(kind, **fields)


def undelay(ground: Ground, fields: Mapping[str, object]) -> None:
    """Answers come at once again."""
    ground.ask_gateway("delay_ms", ms=0)


def hide_lists(ground: Ground, fields: Mapping[str, object]) -> None:
    """A login after which the lists are empty for a while, as after a real one."""
    ground.ask_gateway("empty_lists", delay_ms=fields["delay_ms"])
    ground.ask_gateway("disconnect")


def show_lists(ground: Ground, fields: Mapping[str, object]) -> None:
    """They are whole from the first answer on."""
    ground.ask_gateway("empty_lists", delay_ms=0)


def right_clock(ground: Ground, fields: Mapping[str, object]) -> None:
    """The gateway's clock is right again."""
    ground.ask_gateway("clock", offset=0)


def restore_link(ground: Ground, fields: Mapping[str, object]) -> None:
    """1102, or 1101 with data lost."""
    ground.ask_gateway("link_restored", data_lost=fields["data_lost"])


def lose_link(ground: Ground, fields: Mapping[str, object]) -> None:
    """1100 or 2110; orders that come meanwhile are held by the gateway, or gone."""
    ground.ask_gateway("link_lost", code=fields["code"], orders=fields["orders"])


def by_gateway(
    kind: str, heal: Act = nothing, lasts: Range = (0.0, 0.0), **fields: Sequence[object]
) -> FaultKind:
    """A fault of the gateway's control port."""
    return harmful(f"gateway_{kind}", "simgateway", partial(gateway, kind), heal, lasts, fields=fields)


CALLBACKS = ["openOrder", "orderStatus", "execDetails", "commissionReport"]
# No midnight: what a gateway lists no more nobody can ask it for, and the books would rightly differ.
GATEWAY_KINDS = [
    by_gateway("no_ack", count=[1, 2, 3]),
    by_gateway("drop_place", count=[1, 2, 3]),
    by_gateway("reject", count=[1, 2]),
    by_gateway("disconnect"),
    by_gateway("hang", lasts=(4.0, 4.0), seconds=[4.0]),
    by_gateway("delay_ms", undelay, (1.0, 6.0), ms=[50, 300, 1500]),
    harmful(
        "gateway_link_lost",
        "simgateway",
        lose_link,
        restore_link,
        (0.5, 6.0),
        fields={"data_lost": [True, False], "code": [1100, 2110], "orders": ["held", "dropped"]},
    ),
    by_gateway("restart", seconds=[1.0, 4.0], ids_reset=[True, False]),
    by_gateway("half_open", seconds=[4.0, 8.0]),
    by_gateway("slow_drip", bytes=[40, 400], ms=[2], seconds=[3.0]),
    by_gateway("pacing", mode=["reject", "delay"], rate=[5, 20], seconds=[4.0]),
    by_gateway("lag", delay_ms=[500, 3000], seconds=[6.0]),
    by_gateway("notice", code=[2103, 2105, 2107, 2108, 2119, 2157], seconds=[1.0]),
    by_gateway("cut_in", message=["placeOrder"], where=["before", "middle", "after"]),
    by_gateway("cut_out", message=CALLBACKS, where=["before", "middle", "after"]),
    by_gateway("drop_callback", message=CALLBACKS, count=[1, 3]),
    by_gateway("duplicate_callback", message=CALLBACKS, delay_ms=[0, 700], count=[1, 10]),
    by_gateway("reorder_callback", message=CALLBACKS, count=[1, 10]),
    by_gateway("late_callback", message=CALLBACKS, delay_ms=[200, 2000], count=[1, 10]),
    by_gateway("fill_before_ack", count=[1, 10]),
    by_gateway("order_notice", code=[399, 2109, 10349, 161, 10148, 10999], count=[1, 3]),
    by_gateway("inactive", code=[0, 461], count=[1, 2]),
    by_gateway("refuse_place", code=[10289, 10243, 461], count=[1, 3]),
    by_gateway("cancel_pending", delay_ms=[0, 1500], count=[1, 2]),
    by_gateway("cancel_reject", code=[136, 161, 10148], count=[1, 2]),
    by_gateway("fill_on_cancel", fraction=[0.5, 1.0], count=[1, 2]),
    by_gateway("fill_after_cancel", fraction=[0.5, 1.0], delay_ms=[0, 800], count=[1, 2]),
    by_gateway("late_commission", delay_ms=[300, 3000], count=[1, 5]),
    by_gateway("correct_execution", price_change=["0.01", "-0.01"], delay_ms=[0, 1000], count=[1, 3]),
    by_gateway("no_commission", count=[1, 2]),
    by_gateway("unknown_commission", delay_ms=[0, 1000], count=[1, 3]),
    by_gateway("wavering_commission", delay_ms=[100, 1000], count=[1, 3]),
    by_gateway("bust_first", delay_ms=[0, 1000], count=[1]),
    by_gateway(
        "stranger",
        symbol=["AAPL", "MSFT", "IBDE40", "BTC", "US-T"],
        side=["BUY", "SELL"],
        number=["hand", "zero", "reused"],
    ),
    by_gateway("ids_reset"),
    by_gateway("login", lasts=(6.0, 6.0), accounts=["DU7654321"], seconds=[3.0, 5.0]),
    harmful(
        "gateway_empty_lists",
        "simgateway",
        hide_lists,
        show_lists,
        (2.0, 6.0),
        fields={"delay_ms": [300, 1500]},
    ),
    by_gateway("clock", right_clock, (2.0, 8.0), offset=[-40, -15, -3, 3, 15, 40]),
    by_gateway("bust_execution", delay_ms=[0, 1000], count=[1]),
]

KINDS: dict[str, FaultKind] = {
    kind.name: kind for kind in [*process_kinds(), *CLOCK_KINDS, *SECOND_KINDS, *SERVER_KINDS, *GATEWAY_KINDS]
}
