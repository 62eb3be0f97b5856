"""TCP ports on loopback: finding a free one, refusing a taken one."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

from tradedesk.stack.errors import StackError

HOST = "127.0.0.1"
# Below the range from which systems take the local port of an outgoing connection (32768 on Linux,
# 49152 on macOS), so that a server that is killed and restarted finds its port still free.
CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # Connections of a former server that linger in TIME_WAIT are no obstacle to a new one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; raises StackError when none is found.

    It is this process's until it ends: two that start stacks side by side are given different ones.
    """
    for port in random.SystemRandom().sample(CANDIDATES, 200):
        if _reserve(port) and is_free(port):
            return port
    raise StackError("No free TCP port was found on 127.0.0.1: stop some servers and start again.")


def _reserve(port: int) -> bool:
    """Lock the file that stands for this port; False when another process holds it."""
    folder = Path(tempfile.gettempdir()) / f"tradedesk-ports-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    return True  # held open, and so locked, until this process ends


def require_free(port: int, option: str) -> None:
    """Raise StackError, naming the option that moves the port, when it is taken or not a port."""
    if not 1 <= port <= 65_535:
        raise StackError(f"{option} must be a port between 1 and 65535, not {port}.")
    if not is_free(port):
        raise StackError(f"Port {port} cannot be used here: free it, or choose another one with {option}.")
