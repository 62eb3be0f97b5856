"""One client's conversation, without I/O: bytes in, bytes out.

Frames may come in any pieces. A client that breaks the protocol is closed without a message, with the
reason in the log; nobody else notices.
"""

from __future__ import annotations

import logging
from enum import Enum, auto

from brokers.simulator.gateway.clients.link import Link
from brokers.simulator.gateway.gateway import Gateway
from brokers.simulator.gateway.texts import refusals
from brokers.simulator.wire import codec
from brokers.simulator.wire.frames import FrameBuffer, pack, unpack
from brokers.simulator.wire.records import Record
from brokers.simulator.wire.server import ErrMsg
from brokers.simulator.wire.server_layouts import ERROR_TIME
from brokers.simulator.wire.values import WireError

logger = logging.getLogger(__name__)


class SessionPhase(Enum):
    """How far the conversation has come."""

    PREFIX = auto()
    VERSION = auto()
    READY = auto()
    CLOSED = auto()


class Session:
    """Feeds a client's bytes to the gateway and turns the gateway's messages into bytes."""

    def __init__(self, gateway: Gateway, peer: str) -> None:
        self.peer = peer
        self.phase = SessionPhase.PREFIX
        self.link = Link(gateway.server_version)
        self._gateway = gateway
        self._buffer = FrameBuffer()
        self._greeting = b""

    def receive(self, data: bytes) -> None:
        """Take what arrived; any error ends this session only."""
        if self.phase is SessionPhase.CLOSED:
            return
        self._buffer.feed(data)
        try:
            if self.phase is SessionPhase.PREFIX and self._buffer.take_prefix():
                self.phase = SessionPhase.VERSION
            if self.phase is SessionPhase.VERSION and (payload := self._buffer.payload()) is not None:
                self._agree(payload)
            if self.phase is SessionPhase.READY:
                self._serve()
        except WireError as error:
            self.end(str(error))

    def data_to_send(self) -> bytes:
        """Return everything said since the last call, as bytes."""
        outbox, self.link.outbox = self.link.outbox, []
        version = self.link.version
        if version >= ERROR_TIME:
            self._stamp(outbox)
        greeting, self._greeting = self._greeting, b""
        data = greeting + b"".join([codec.server_frame(version, message) for message in outbox])
        if self.link.torn is not None:
            frame = codec.server_frame(version, self.link.torn)
            data += frame[: len(frame) // 2]
        if self.link.closing:
            self.end(self.link.closing)
        return data

    def _stamp(self, outbox: list[Record]) -> None:
        """Say when errors and notices were sent."""
        now = int(self._gateway.clock().timestamp() * 1000)
        for message in outbox:
            if isinstance(message, ErrMsg):
                message.time = now

    def end(self, reason: str) -> None:
        """Close the conversation; what is in the outbox may still be sent."""
        if self.phase is not SessionPhase.CLOSED:
            logger.info("client %s closed: %s", self.peer, reason)
            self.phase = SessionPhase.CLOSED
            self._gateway.leave(self.link)

    @property
    def is_closed(self) -> bool:
        return self.phase is SessionPhase.CLOSED

    def _agree(self, payload: bytes) -> None:
        """Answer `v100..178` (and options after a space) with the version that both speak."""
        text = payload.decode("ascii", "replace").rstrip("\0").split(" ")[0]
        lowest, _, highest = text.removeprefix("v").partition("..")
        highest = highest or lowest
        if not (text.startswith("v") and lowest.isdigit() and highest.isdigit()):
            raise WireError(f"version range expected, got {text[:40]!r}")
        version = min(self._gateway.server_version, int(highest))
        if int(lowest) > version or version < codec.OLDEST_VERSION:
            raise WireError(
                f"client speaks {text}, this gateway {codec.OLDEST_VERSION} to {self._gateway.server_version}"
            )
        self.link.version = version
        self._greeting = pack([str(version), self._gateway.home.write_zoned(self._gateway.clock())])
        self.phase = SessionPhase.READY

    @property
    def is_behind(self) -> bool:
        """Whether messages may wait here because more came than may be read in a second."""
        return not self.is_closed and not self._gateway.pacing.may_read(self.link)

    def _serve(self) -> None:
        pacing = self._gateway.pacing
        while pacing.may_read(self.link) and (payload := self._buffer.payload()) is not None:
            fields = unpack(payload)
            if not pacing.refuses(self.link):
                self._dispatch(fields)
            if self.link.closing:
                self.end(self.link.closing)
                return

    def _dispatch(self, fields: list[str]) -> None:
        # A first field that is no number is garbage and ends the session; a bad field after it is a mistake.
        codec.message_id(fields)
        try:
            message = codec.decode_client(self.link.version, fields)
        except codec.UnknownMessage:
            _answer_unsupported(self.link, fields)
        except WireError as error:
            logger.info("client %s sent an unreadable message %s: %s", self.peer, fields[0], error)
            _answer_unreadable(self.link, fields, str(error))
        else:
            self._gateway.handle(self.link, message)


def _answer_unsupported(link: Link, fields: list[str]) -> None:
    """Answer a request that this gateway does not have, as real ones do when they cannot serve it."""
    number = codec.message_id(fields)
    known = refusals.UNSUPPORTED_REQUESTS.get(number)
    if known is None:
        link.error(-1, *refusals.unreadable(f"Message type {number} is unknown"))
        return
    position = known.id_field
    text = fields[position] if position is not None and position < len(fields) else ""
    req_id = int(text) if text.lstrip("-").isdigit() else -1
    link.error(req_id, *known.refusal)


def _answer_unreadable(link: Link, fields: list[str], reason: str) -> None:
    """Answer a request whose fields make no sense, under its id if that can be read."""
    link.error(codec.request_id(fields), *refusals.unreadable(reason))
