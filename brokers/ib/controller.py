"""The command port of IBC, which runs a gateway: lines of text on TCP, without any login.

IBC 3.24: commands STOP, RESTART, RECONNECTDATA, RECONNECTACCOUNT, EXIT; answers begin with OK, ERROR or INFO.
RESTART sets the daily auto-restart to about a minute from now; the login is kept, no second factor is asked.
"""

from __future__ import annotations

import socket
import time

from brokers.errors import BrokerUnavailable

CONNECT_LIMIT, ANSWER_LIMIT = 3.0, 10.0  # seconds
RESTART = "RESTART"


def command(address: tuple[str, int], text: str) -> str:
    """Send a command and return what was answered; raises BrokerUnavailable with the reason when refused."""
    try:
        with socket.create_connection(address, CONNECT_LIMIT) as connection:
            connection.settimeout(ANSWER_LIMIT)
            connection.sendall(f"{text}\n".encode("ascii"))
            answer = _answer(connection)
            connection.sendall(b"EXIT\n")
    except OSError as error:
        raise BrokerUnavailable(f"IBC at {address[0]}:{address[1]} does not answer: {error}") from None
    if not answer.startswith("OK"):
        raise BrokerUnavailable(f"IBC refused {text}: {answer or 'it said nothing'}")
    return answer


def _answer(connection: socket.socket) -> str:
    """The first line that is no INFO."""
    end, lines = time.monotonic() + ANSWER_LIMIT, b""
    while time.monotonic() < end:
        for line in lines.decode("ascii", "replace").splitlines(keepends=True):
            if line.endswith("\n") and line.startswith(("OK", "ERROR")):
                return line.strip()
        if not (part := connection.recv(4096)):
            break
        lines += part
    return lines.decode("ascii", "replace").strip()
