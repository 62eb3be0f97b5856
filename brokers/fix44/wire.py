"""The tag=value form of a FIX message: fields in their order, body length and checksum checked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

SOH = b"\x01"
BEGIN = "FIX.4.4"

Fields = Mapping[int, str]


class Tag(IntEnum):
    """The tags that we read or write."""

    ACCOUNT = 1
    BEGIN_STRING = 8
    BODY_LENGTH = 9
    CHECK_SUM = 10
    CL_ORD_ID = 11
    CUM_QTY = 14
    CURRENCY = 15
    EXEC_ID = 17
    EXEC_REF_ID = 19
    SECURITY_ID_SOURCE = 22
    LAST_PX = 31
    LAST_QTY = 32
    MSG_TYPE = 35
    ORDER_ID = 37
    ORDER_QTY = 38
    ORD_STATUS = 39
    ORD_TYPE = 40
    ORIG_CL_ORD_ID = 41
    PRICE = 44
    SECURITY_ID = 48
    SIDE = 54
    SYMBOL = 55
    TEXT = 58
    TIME_IN_FORCE = 59
    TRANSACT_TIME = 60
    STOP_PX = 99
    CXL_REJ_REASON = 102
    ORD_REJ_REASON = 103
    EXEC_TYPE = 150
    LEAVES_QTY = 151
    SECURITY_TYPE = 167
    SECURITY_EXCHANGE = 207
    EXEC_RESTATEMENT_REASON = 378
    CXL_REJ_RESPONSE_TO = 434
    WORKING_INDICATOR = 636


class Malformed(ValueError):
    """These bytes are no FIX 4.4 message."""


def encode(fields: Fields) -> bytes:
    """The message with these fields; the first is MsgType, length and checksum are added."""
    body = b"".join(_field(tag, value) for tag, value in fields.items())
    head = _field(Tag.BEGIN_STRING, BEGIN) + _field(Tag.BODY_LENGTH, str(len(body)))
    return head + body + _field(Tag.CHECK_SUM, _checksum(head + body))


def decode(message: bytes) -> dict[int, str]:
    """The fields of one message; raises Malformed when it is cut, altered or of another version."""
    head, _, rest = message.partition(SOH + b"9=")
    length, _, body = rest.partition(SOH)
    if head != f"8={BEGIN}".encode() or not length.isdigit():
        raise Malformed(f"no {BEGIN} message: {message[:40]!r}")
    end = len(message) - len(body) + int(length)
    if message[end:] != _field(Tag.CHECK_SUM, _checksum(message[:end])):
        raise Malformed(f"length or checksum is wrong: {message[-20:]!r}")
    try:
        pairs = [field.split("=", 1) for field in message[:end].decode().rstrip("\x01").split("\x01")]
        return {int(tag): value for tag, value in pairs}
    except ValueError as error:
        raise Malformed(f"no tag=value fields: {message[:40]!r}") from error


def _field(tag: int, value: str) -> bytes:
    if not value or "\x01" in value:
        raise Malformed(f"tag {int(tag)} cannot hold {value!r}")
    return f"{int(tag)}={value}".encode() + SOH


def _checksum(data: bytes) -> str:
    return f"{sum(data) % 256:03}"
