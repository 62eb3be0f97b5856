"""The pool's connections tell by their socket whether they live."""

from __future__ import annotations

import socket

from tradedesk.pooled import is_silent


def test_a_socket_is_silent_until_the_other_end_speaks_or_goes() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_silent(ours.fileno())
        theirs.send(b"E")
        assert not is_silent(ours.fileno())
        ours.recv(1)
        theirs.close()
        assert not is_silent(ours.fileno())
