"""Reading a FIX counterparty's words: the wire form, and what each message means."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdStatus
from brokers.fix44 import wire
from brokers.fix44.capabilities import CAPABILITIES
from brokers.fix44.translate import ExecType, Translator
from brokers.fix44.wire import Malformed, Tag
from brokers.messages import ErrorReport, ExecutionReport, OrderReport, Refusal, WorkingStatus

REPORT: dict[int, str] = {
    Tag.MSG_TYPE: "8",
    Tag.ORDER_ID: "77",
    Tag.CL_ORD_ID: "TDX-1",
    Tag.EXEC_ID: "E1",
    Tag.EXEC_TYPE: ExecType.NEW,
    Tag.ORD_STATUS: "0",
    Tag.ACCOUNT: "DU1234567",
    Tag.SYMBOL: "AAPL",
    Tag.SIDE: "1",
    Tag.ORD_TYPE: "2",
    Tag.ORDER_QTY: "100",
    Tag.CUM_QTY: "0",
    Tag.PRICE: "50.25",
    Tag.TRANSACT_TIME: "20261127-14:30:00.123",
}
TRADE = {**REPORT, Tag.EXEC_TYPE: ExecType.TRADE, Tag.LAST_QTY: "40", Tag.LAST_PX: "50.1", Tag.CUM_QTY: "40"}


def read(fields: dict[int, str], **known: str) -> object:
    return Translator(known).event(fields)


@given(st.dictionaries(st.integers(100, 9999), st.text(min_size=1).filter(lambda text: "\x01" not in text)))
def test_a_message_reads_back_as_the_fields_written(fields: dict[int, str]) -> None:
    assert wire.decode(wire.encode(fields)) == {
        8: "FIX.4.4",
        9: wire.decode(wire.encode(fields))[9],
        **fields,
    }


@given(st.integers(0, 120), st.integers(1, 255))
def test_a_message_with_any_byte_altered_is_malformed(place: int, change: int) -> None:
    message = bytearray(wire.encode(REPORT))
    message[place % len(message)] ^= change
    with pytest.raises(Malformed):
        wire.decode(bytes(message))


def test_length_and_checksum_are_those_of_a_known_heartbeat() -> None:
    assert wire.encode({Tag.MSG_TYPE: "0"}) == b"8=FIX.4.4|9=5|35=0|10=163|".replace(b"|", b"\x01")


@pytest.mark.parametrize("kind", [kind for kind in ExecType if kind not in "8FGHI"])
def test_each_report_says_a_status_that_the_capabilities_declare(kind: ExecType) -> None:
    report = read({**REPORT, Tag.EXEC_TYPE: kind})
    assert isinstance(report, OrderReport) and report.status in CAPABILITIES.statuses
    assert (report.identity.order_ref, report.identity.perm_id) == ("TDX-1", 77 * (kind != "A"))
    assert report.terms and (report.terms.order_qty, report.terms.price) == (100, Decimal("50.25"))


def test_what_it_says_in_order_reports_is_all_that_it_declares() -> None:
    kinds = [kind for kind in ExecType if kind not in "8FGHI"]
    reports = [read({**REPORT, Tag.EXEC_TYPE: kind, **held}) for kind in kinds for held in ({}, {636: "N"})]
    assert {report.status for report in reports if isinstance(report, OrderReport)} == CAPABILITIES.statuses


def test_held_orders_and_corporate_actions_have_their_own_fields() -> None:
    held = read({**REPORT, Tag.WORKING_INDICATOR: "N"})
    split = read({**REPORT, Tag.EXEC_TYPE: ExecType.RESTATED, Tag.EXEC_RESTATEMENT_REASON: "0"})
    assert isinstance(held, OrderReport) and held.status is WorkingStatus.HELD
    assert isinstance(split, OrderReport) and split.corporate_action


def test_a_status_answer_and_other_messages_say_nothing_of_orders() -> None:
    assert read({**REPORT, Tag.EXEC_TYPE: ExecType.ORDER_STATUS}) is None
    assert read({Tag.MSG_TYPE: "0"}) is None


def test_corrections_of_corrections_are_versions_of_the_first_execution() -> None:
    known: dict[str, str] = {}
    correct = {**TRADE, Tag.EXEC_TYPE: ExecType.TRADE_CORRECT}
    bust = {**TRADE, Tag.EXEC_TYPE: ExecType.TRADE_CANCEL, Tag.EXEC_ID: "E3", Tag.EXEC_REF_ID: "E2"}
    said = [TRADE, {**correct, Tag.EXEC_ID: "E2", Tag.EXEC_REF_ID: "E1"}, bust, bust]
    reports = [Translator(known).event(fields) for fields in said]
    trades = [report for report in reports if isinstance(report, ExecutionReport)]
    assert [trade.exec_id for trade in trades] == ["E1.01", "E1.02", "E1.03", "E1.03"]
    assert [trade.last_qty for trade in trades] == [40, 40, 0, 0]
    assert trades[0].ord_status is OrdStatus.NEW


def test_refusals_name_the_order_or_the_request_that_they_answer() -> None:
    rejected = read({**REPORT, Tag.EXEC_TYPE: ExecType.REJECTED, Tag.ORD_REJ_REASON: "3", Tag.TEXT: "no"})
    refused = read({Tag.MSG_TYPE: "9", Tag.CL_ORD_ID: "TDX-1/C/1", Tag.CXL_REJ_RESPONSE_TO: "2"})
    assert isinstance(rejected, ErrorReport) and isinstance(refused, ErrorReport)
    assert (rejected.meaning, rejected.code, rejected.text) == (Refusal.ORDER_REJECTED, 3, "no")
    assert (refused.meaning, refused.identity.order_ref, refused.cl_ord_id) == (
        Refusal.REPLACE_REFUSED, "TDX-1", "C/1",
    )  # fmt: skip


def test_an_order_id_of_any_text_becomes_one_number_that_fits() -> None:
    report = read({**REPORT, Tag.ORDER_ID: "A-77"})
    again = read({**REPORT, Tag.ORDER_ID: "A-77"})
    assert isinstance(report, OrderReport) and 0 < report.identity.perm_id < 2**63
    assert report == again


@pytest.mark.parametrize(
    "wrong", [{Tag.EXEC_TYPE: "Z"}, {Tag.LAST_QTY: "x"}, {Tag.TRANSACT_TIME: "now"}, {Tag.SIDE: "9"}]
)
def test_what_cannot_be_read_is_malformed_never_guessed(wrong: dict[int, str]) -> None:
    with pytest.raises(Malformed):
        read({**TRADE, **wrong})
