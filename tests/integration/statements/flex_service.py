"""A Flex web service on loopback: it answers as a script says and keeps what it was asked."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HEAD = '<FlexStatementResponse timestamp="04 October, 2026 04:03 PM EDT">'


def refused(code: str, text: str = "no", status: str = "Fail") -> bytes:
    """The envelope with an error."""
    inside = f"<Status>{status}</Status><ErrorCode>{code}</ErrorCode><ErrorMessage>{text}</ErrorMessage>"
    return f"{HEAD}{inside}</FlexStatementResponse>".encode()


class FlexService(ThreadingHTTPServer):
    """`answers` are given one after the other, the last one for good; `{url}` is its own place."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[bytes | int] = []
        self.asked: list[tuple[str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/flex"

    def accepted(self, reference: str = "777", url: str = "") -> bytes:
        """The envelope that names where the statement will be."""
        place = url or f"{self.url}/GetStatement"
        inside = f"<Status>Success</Status><ReferenceCode>{reference}</ReferenceCode><Url>{place}</Url>"
        return f"{HEAD}{inside}</FlexStatementResponse>".encode()


class _Handler(BaseHTTPRequestHandler):
    server: FlexService

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        told = (parts.path.rpartition("/")[2], dict(parse_qsl(parts.query)), self.headers["User-Agent"])
        self.server.asked.append(told)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing."""
