"""Log lines carry no secret."""

from __future__ import annotations

import json
import logging

import pytest

from tradedesk.logs import Formatter

TOKEN = "3f0a" * 16


def line(message: str, **extra: object) -> str:
    """What is written of a record."""
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", **extra})
    return Formatter("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    "message",
    [
        f"Authorization: Token {TOKEN}",
        f"authorization: bearer {TOKEN}",
        f"connecting to postgresql://desk:{TOKEN}@127.0.0.1:5432/desk",
        f"connecting to redis://:{TOKEN}@127.0.0.1:6379/0",
        f"SECRET_KEY={TOKEN}",
        f'{{"password": "{TOKEN}"}}',
    ],
)
def test_a_secret_is_blotted_out_of_message_and_fields(message: str) -> None:
    assert TOKEN not in line(message)
    assert TOKEN not in line("failed", error=message)


def test_the_line_stays_json_and_keeps_everything_else() -> None:
    said = json.loads(line(f"Token {TOKEN} refused", cl_ord_id="a-1", account="DU1234567"))
    assert said["message"] == "Token *** refused"
    assert (said["cl_ord_id"], said["account"]) == ("a-1", "DU1234567")


def test_order_references_and_ids_are_no_secrets() -> None:
    reference = "TDAGM4RYNZ5N3ODH7XRR4HXQ2Y4E"
    assert reference in line("HANDED_OVER", order_ref=reference, trace_id="0" * 32)
