"""IB's Flex web service, version 3: ask for a statement, then fetch it where the answer says.

The token is in each URL, so no exception, log line or row may quote one: what goes wrong is told by its kind
alone, and redirections are not followed. Sources: IBKR Campus, "Flex Web Service"; error codes of its table,
1025 from incidents.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from typing import IO, Any
from urllib import request as http
from urllib.parse import urlencode, urlsplit

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from orders.reconciliation.statements.files import MAX_BYTES

TIMEOUT = 30.0  # seconds without a byte
TOTAL = 300.0  # seconds of one answer
CHUNK = 2**16
ENVELOPE = 64_000  # bytes of an answer that is no statement
#: Compulsory; without one the service refuses.
AGENT = "tradedesk/1"
ENVELOPE_ROOT = re.compile(rb"<FlexStatementResponse\b")


class Answer(StrEnum):
    """What an answer means for what is done next."""

    ACCEPTED = "ACCEPTED"  # it is being made
    STATEMENT = "STATEMENT"  # here it is
    WAIT = "WAIT"  # ask for the same again
    LATER = "LATER"  # not now: begin anew after a while
    UNREACHED = "UNREACHED"  # nothing was answered: the same again after a while
    NOT_YET = "NOT_YET"  # nothing of these days so far
    ANEW = "ANEW"  # the reference is worth nothing
    SLOWER = "SLOWER"  # too many requests
    LOCKED = "LOCKED"  # too many failures: leave it alone for hours
    PERSON = "PERSON"  # the token, the query or the account is wrong


CODES: Mapping[str, Answer] = {
    **dict.fromkeys(("1001", "1004", "1005", "1006", "1007", "1008", "1009", "1021"), Answer.LATER),
    "1003": Answer.NOT_YET,
    **dict.fromkeys(("1010", "1011", "1012", "1013", "1014", "1015", "1016"), Answer.PERSON),
    "1017": Answer.ANEW,
    "1018": Answer.SLOWER,
    "1019": Answer.WAIT,
    "1020": Answer.WAIT,  # also where it is asked too soon
    "1025": Answer.LOCKED,
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer: of ACCEPTED its reference and place, of STATEMENT the file, of others the broker's words."""

    answer: Answer
    code: str = ""
    text: str = ""
    reference: str = ""
    url: str = ""
    file: IO[bytes] | None = None


class _NoRedirect(http.HTTPRedirectHandler):
    """Who sends us elsewhere would get the token."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """No."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """The service at its place."""

    base: str
    token: str

    def ask(self, query: str) -> Told:
        """SendRequest: have a statement made."""
        told = self._get(f"{self.base}/SendRequest", q=query)
        if told.answer is Answer.ACCEPTED and not self._is_trusted(told.url):
            return Told(answer=Answer.PERSON, text="The answer names a place that is not the broker's.")
        return told

    def fetch(self, url: str, reference: str) -> Told:
        """GetStatement: the statement where it is ready; its file is the caller's to close."""
        return self._get(url if self._is_trusted(url) else f"{self.base}/GetStatement", q=reference)

    def _is_trusted(self, url: str) -> bool:
        """Whether the token may go there: the broker's hosts by https, or the configured place itself."""
        parts, own = urlsplit(url), urlsplit(self.base)
        if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
        host = parts.hostname or ""
        return (
            parts.scheme == "https" and host.endswith(".interactivebrokers.com") and "@" not in parts.netloc
        )

    def _get(self, url: str, q: str) -> Told:
        query = urlencode({"t": self.token, "q": q, "v": "3"})
        asked = http.Request(f"{url}?{query}", headers={"User-Agent": AGENT})  # noqa: S310 - checked
        try:
            with http.build_opener(_NoRedirect).open(asked, timeout=TIMEOUT) as answer:
                return _told(_taken(answer))
        except (OSError, HTTPException, ValueError) as error:
            status = getattr(error, "code", "")
            why = f"HTTP {status}" if status else type(error).__name__
            return Told(answer=Answer.UNREACHED, text=f"The service could not be reached ({why}).")


def _taken(answer: Any) -> IO[bytes]:
    """The body in a temporary file, at its beginning; raises ValueError for what is too long or too slow."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    end, total = time.monotonic() + TOTAL, 0
    while chunk := answer.read(CHUNK):
        total += len(chunk)
        if total > MAX_BYTES or time.monotonic() > end:
            file.close()
            raise ValueError("too long")
        file.write(chunk)
    file.seek(0)
    return file


def _told(file: IO[bytes]) -> Told:
    head = file.read(ENVELOPE)
    file.seek(0)
    if not ENVELOPE_ROOT.search(head):
        return Told(
            answer=Answer.STATEMENT, file=file
        )  # or something else, which its reader refuses in words
    file.close()
    try:
        root = fromstring(head, forbid_dtd=True)
    except (DefusedXmlException, SyntaxError, ValueError):
        return Told(answer=Answer.UNREACHED, text="The answer cannot be read.")
    said = {element.tag: (element.text or "").strip() for element in root}
    if said.get("Status") == "Success":
        reference = re.sub(r"\W", "", said.get("ReferenceCode", ""), flags=re.ASCII)[:40]
        return Told(answer=Answer.ACCEPTED, reference=reference, url=said.get("Url", "")[:200])
    code = said.get("ErrorCode", "")[:8]
    text = said.get("ErrorMessage", "")[:400]
    return Told(answer=CODES.get(code, Answer.LATER), code=code, text=text)
