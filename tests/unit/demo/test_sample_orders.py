"""The mix of sample orders."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side, TimeInForce
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.risk.form.validity import form_errors
from tests.unit.orders.test_risk import NOW, Rules
from tradedesk.demo.orders import (
    FAR_TOO_MANY,
    FEWEST,
    MOVE,
    RECIPES,
    Outcome,
    Quote,
    Sample,
    apportion,
    market_moves,
    sample_orders,
    signed,
)

QUOTES = [
    Quote(symbol="AAPL", last_px=Decimal("229.97"), min_tick=Decimal("0.01")),
    Quote(symbol="IBM", last_px=Decimal("225.1"), min_tick=Decimal("0.05")),
    Quote(symbol="MSFT", last_px=Decimal("415"), min_tick=Decimal("0.01")),
]
LAST = {quote.symbol: quote for quote in QUOTES}


def mix(count: int = 240, *, seed: int = 1, run: str = "a", can_move: bool = True) -> list[Sample]:
    return sample_orders(count, QUOTES, account="DU1", run=run, seed=seed, can_move=can_move)


def terms(sample: Sample) -> tuple[Quote, Side, Decimal | None, Decimal | None]:
    body = sample.body
    price, stop_px = (Decimal(body[name]) if name in body else None for name in ("price", "stop_px"))
    return LAST[body["instrument"]["symbol"]], Side(body["side"]), price, stop_px


def test_a_seed_gives_the_same_mix_again() -> None:
    assert mix(seed=7) == mix(seed=7) != mix(seed=8)


def test_two_runs_share_no_cl_ord_id() -> None:
    names = [sample.cl_ord_id for run in ("a", "b") for sample in mix(run=run)]
    assert len(set(names)) == len(names) == 480


@given(count=st.integers(FEWEST, 1000), seed=st.integers(0, 99))
def test_every_kind_of_order_is_there_however_few(count: int, seed: int) -> None:
    samples = mix(count, seed=seed)
    kinds = {(sample.outcome, sample.body["ord_type"], sample.body["time_in_force"]) for sample in samples}
    assert kinds == {(recipe.outcome, recipe.ord_type, recipe.time_in_force) for recipe in RECIPES}
    assert len(samples) == count


@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=20), total=st.integers(0, 500))
def test_shares_add_up_and_none_is_off_by_one_or_more(weights: list[int], total: int) -> None:
    shares = apportion(weights, total)
    assert sum(shares) == total
    assert all(abs(share - total * w / sum(weights)) < 1 for share, w in zip(shares, weights, strict=True))


@given(seed=st.integers(0, 500))
def test_every_body_is_an_order_that_keeps_the_rules_of_form(seed: int) -> None:
    for sample in mix(60, seed=seed):
        quote, side, price, stop_px = terms(sample)
        ticket = Ticket(
            cl_ord_id=sample.cl_ord_id,
            account="DU1",
            instrument=InstrumentKey(symbol=quote.symbol),
            side=side,
            order_qty=Decimal(sample.body["order_qty"]),
            ord_type=OrdType(sample.body["ord_type"]),
            time_in_force=TimeInForce(sample.body["time_in_force"]),
            price=price,
            stop_px=stop_px,
        )
        assert form_errors(ticket, Rules(min_tick=quote.min_tick), NOW) == {}


def test_only_limits_that_should_fill_cross_the_market() -> None:
    for sample in mix():
        quote, side, price, stop_px = terms(sample)
        if price is None or stop_px is not None or sample.outcome is Outcome.ENDS:
            continue
        beyond = (price - quote.last_px) * (1 if side is Side.BUY else -1) / quote.last_px
        assert beyond > MOVE if sample.outcome is Outcome.FILLS else beyond < -MOVE


def test_moving_the_markets_reaches_just_the_stops_that_wait_for_it() -> None:
    moves = market_moves(QUOTES)
    for sample in mix():
        quote, side, _, stop_px = terms(sample)
        if stop_px is None:
            continue
        moved = quote.at(signed(MOVE, moves[quote.symbol]))
        reached = moved >= stop_px if side is Side.BUY else moved <= stop_px
        assert reached == (sample.outcome is Outcome.TRIGGERED)


def test_nothing_waits_for_a_market_that_nobody_can_move() -> None:
    samples = mix(can_move=False)
    assert len(samples) == 240
    assert Outcome.TRIGGERED not in {sample.outcome for sample in samples}


def test_only_the_ones_to_be_refused_are_too_large() -> None:
    for sample in mix():
        assert (sample.outcome is Outcome.REFUSED) == (int(sample.body["order_qty"]) >= FAR_TOO_MANY)
