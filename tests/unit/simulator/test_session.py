"""Bytes in, bytes out: handshake, frames in pieces, garbage."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.session import Session
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.frames import MAX_FRAME, FrameBuffer, pack, unpack
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg, ManagedAccts, NextValidId
from brokers.simulator.wire.values import WireError
from tests.examples import examples
from tests.unit.simulator.kit import Bench, limit


def frame(version: int, message: Record) -> bytes:
    return pack(codec.encode_client(version, message))


def greeting(versions: str = "v157..178") -> bytes:
    return b"API\0" + len(versions).to_bytes(4, "big") + versions.encode()


def received(session: Session) -> list[list[str]]:
    buffer = FrameBuffer()
    buffer.feed(session.data_to_send())
    return list(buffer.frames())


def connected(bench: Bench, client_id: int = 5, versions: str = "v157..178") -> Session:
    session = Session(bench.gateway, "test")
    session.receive(greeting(versions) + frame(178, requests.StartApi(client_id=client_id)))
    received(session)
    return session


def assert_lives(session: Session) -> None:
    """Somebody else's session is answered as ever."""
    session.receive(frame(178, requests.ReqCurrentTime()))
    assert [fields[0] for fields in received(session)] == ["49"]


@pytest.mark.parametrize(
    ("versions", "spoken"),
    [
        ("v157..178", "178"),
        ("v100..225", "178"),
        ("v157..176", "176"),
        ("v100..157 +PACEAPI", "157"),
        ("v178", "178"),
    ],
)
def test_the_lower_of_the_two_newest_versions_is_spoken(versions: str, spoken: str) -> None:
    session = Session(Bench().gateway, "test")
    session.receive(greeting(versions))
    (reply,) = received(session)
    assert len(reply) == 2
    assert reply[0] == spoken


@pytest.mark.parametrize(
    ("announced", "versions", "spoken"),
    [
        (200, "v100..225", "200"),
        (200, "v157..178", "178"),
        (187, "v100..193", "187"),
        (160, "v157..178", "160"),
    ],
)
def test_the_gateway_speaks_no_more_than_it_is_told_to(announced: int, versions: str, spoken: str) -> None:
    session = Session(Bench(server_version=announced).gateway, "test")
    session.receive(greeting(versions))
    assert received(session)[0][0] == spoken


def test_errors_say_when_from_version_194_on() -> None:
    bench = Bench(server_version=200)
    for version, fields in ((193, ["4", "2", "-1"]), (194, ["4", "-1", "2104"])):
        session = Session(bench.gateway, "test")
        session.receive(greeting(f"v100..{version}") + frame(version, requests.StartApi(client_id=version)))
        notice = next(row for row in received(session) if row[0] == "4")
        assert notice[:3] == fields
        assert (notice[-1] == str(int(bench.now.timestamp() * 1000))) == (version == 194)


@pytest.mark.parametrize("versions", ["v179..225", "v100..150", "hello", "v..", "v200..100"])
def test_a_client_with_no_version_in_common_is_closed(versions: str) -> None:
    session = Session(Bench().gateway, "test")
    session.receive(greeting(versions))
    assert session.is_closed
    assert not session.data_to_send()


@examples(40)
@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_frames_may_arrive_in_any_pieces(cuts: list[int]) -> None:
    data = greeting() + frame(178, requests.StartApi(client_id=5)) + frame(178, requests.ReqCurrentTime())
    session = Session(Bench().gateway, "test")
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        session.receive(data[start:end])
    ids = [fields[0] for fields in received(session)]
    assert ids == ["178", "15", "9", "4", "4", "4", "49"]


def test_the_start_is_accounts_then_next_id_then_farms() -> None:
    bench = Bench()
    session = Session(bench.gateway, "test")
    session.receive(greeting() + frame(178, requests.StartApi(client_id=5)))
    messages = [codec.decode_server(178, fields) for fields in received(session)[1:]]
    assert messages[0] == ManagedAccts(accounts="DU1234567")
    assert messages[1] == NextValidId(order_id=1)
    assert [m.code for m in messages[2:] if isinstance(m, ErrMsg)] == [2104, 2106, 2158]


def test_a_client_id_in_use_is_refused_with_326_and_closed() -> None:
    bench = Bench()
    connected(bench, 5)
    second = Session(bench.gateway, "second")
    second.receive(greeting() + frame(178, requests.StartApi(client_id=5)))
    assert received(second)[-1][3] == "326"
    assert second.is_closed


def test_a_client_id_is_free_again_after_its_session_ends() -> None:
    bench = Bench()
    connected(bench, 5).end("gone")
    assert not connected(bench, 5).is_closed


VERSIONS = [157, 163, 165, 176, 178, 187, 189, 194, 200]


@examples(80)
@given(
    soup=st.binary(min_size=1, max_size=200),
    start=st.sampled_from([b"", b"API\0", *[greeting(f"v100..{version}") for version in VERSIONS]]),
)
def test_byte_soup_hurts_nobody_else(soup: bytes, start: bytes) -> None:
    bench = Bench(server_version=codec.NEWEST_VERSION)
    neighbour = connected(bench, 9)
    victim = Session(bench.gateway, "victim")
    victim.receive(start + soup)
    victim.data_to_send()
    assert_lives(neighbour)


@pytest.mark.parametrize("version", VERSIONS)
@examples(25)
@given(soup=st.binary(min_size=1, max_size=120), number=st.sampled_from(sorted(codec.CLIENT_LAYOUTS)))
def test_soup_in_any_request_at_any_version_hurts_nobody_else(version: int, soup: bytes, number: int) -> None:
    bench = Bench(server_version=codec.NEWEST_VERSION)
    neighbour = connected(bench, 9)
    victim = connected(bench, 5, f"v100..{version}")
    payload = f"{number}\0".encode() + soup + b"\0"
    victim.receive(len(payload).to_bytes(4, "big") + payload)
    victim.data_to_send()
    assert_lives(neighbour)


@pytest.mark.parametrize("version", VERSIONS)
@examples(25)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_half_an_order_is_no_order_at_any_version(version: int, cut: float) -> None:
    bench = Bench(server_version=codec.NEWEST_VERSION)
    neighbour = connected(bench, 9)
    victim = connected(bench, 5, f"v100..{version}")
    order = frame(version, limit(1, "200.00"))
    victim.receive(order[: int(len(order) * cut)])
    victim.end("the client left")
    assert not bench.gateway.state.orders
    assert_lives(neighbour)


@pytest.mark.parametrize("version", VERSIONS)
@examples(25)
@given(cuts=st.lists(st.integers(1, 600), max_size=8))
def test_an_order_in_pieces_is_the_order_at_any_version(version: int, cuts: list[int]) -> None:
    bench = Bench(server_version=codec.NEWEST_VERSION)
    session = connected(bench, 5, f"v100..{version}")
    order = frame(version, limit(1, "200.00", order_ref="pieces"))
    edges = sorted({0, len(order), *(cut for cut in cuts if cut < len(order))})
    for start, end in pairwise(edges):
        assert not bench.gateway.state.orders
        session.receive(order[start:end])
    (record,) = bench.gateway.state.orders.values()
    assert (record.order.order_ref, record.order.lmt_price) == ("pieces", 200)


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\xff\xff\xff", b"\0\0\0\0", pack(["hello"]), b"\0\0\0\x02ab", (MAX_FRAME + 1).to_bytes(4, "big")],
)
def test_garbage_closes_its_connection_with_a_logged_reason(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    session = connected(Bench())
    with caplog.at_level(logging.INFO):
        session.receive(garbage)
    assert session.is_closed
    assert "test closed:" in caplog.text


def test_a_request_before_the_start_closes_the_connection() -> None:
    session = Session(Bench().gateway, "test")
    session.receive(greeting() + frame(178, requests.ReqOpenOrders()))
    assert session.is_closed


def test_an_unreadable_field_is_answered_with_320_and_the_session_lives() -> None:
    session = connected(Bench())
    session.receive(pack(["7", "3", "x", "", "", "", "", "", "", ""]))
    (fields,) = received(session)
    assert fields[2:4] == ["-1", "320"]
    assert not session.is_closed


def test_a_request_this_gateway_lacks_is_answered_under_its_id() -> None:
    session = connected(Bench())
    session.receive(pack(["22", "4711", *[""] * 20]) + pack(["4242", "1"]))
    assert [fields[2:4] for fields in received(session)] == [["4711", "162"], ["-1", "320"]]


def test_a_frame_must_end_with_nul() -> None:
    with pytest.raises(WireError):
        unpack(b"49\x001")
