"""Log lines: one JSON object each, with no secret in it."""

from __future__ import annotations

import logging
import re

from pythonjsonlogger.msgspec import MsgspecFormatter

from tradedesk.http.names import request_id

#: What may carry a secret: a password in a URL, and a token or key after its name.
SECRETS = re.compile(
    r"(?P<before>://[^\s:/@\"]*:(?=[^\s@\"]+@)|\b(?:token|bearer|password|secret_key|secret)\b[\\\"'\s:=]*)"
    r"(?:(?<=:)[^\s@\"]+(?=@)|[A-Za-z0-9_\-]{20,})",
    re.IGNORECASE,
)


class Formatter(MsgspecFormatter):
    """JSON by msgspec; what looks like a secret is blotted out, wherever in the line it came from."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        if name := request_id.get():
            record.request_id = name
        return SECRETS.sub(r"\g<before>***", super().format(record))
