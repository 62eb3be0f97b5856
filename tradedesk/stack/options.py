"""What can be chosen when a stack is started."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tradedesk.env import data_dir
from tradedesk.stack.errors import StackError
from tradedesk.stack.ports import free_port


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """Folder and ports of one stack; `ib` ("host:port") is a gateway that runs already."""

    data: Path
    http: int = 8000
    stream: int = 8001
    flower: int = 5555
    gateway_port: int = 4002
    control_port: int = 4003
    redis: int | None = None
    ib: str | None = None

    def __post_init__(self) -> None:
        if self.ib is not None and not re.fullmatch(r"[^\s:/]+:\d{1,5}", self.ib):
            raise StackError(f"--ib must be HOST:PORT, not {self.ib}.")
        ports = [port for port, _ in self.ports()]
        if len(set(ports)) < len(ports):
            raise StackError("Two options name the same port: give each its own.")

    @classmethod
    def on_free_ports(cls, data: Path) -> Self:
        """Of a stack that is thrown away: none of its ports is anybody else's."""
        return cls(
            data=data.resolve(),
            http=free_port(),
            stream=free_port(),
            flower=free_port(),
            gateway_port=free_port(),
            control_port=free_port(),
        )

    @property
    def gateway(self) -> str:
        """Address of the IB gateway: the given one or our simulated one."""
        return self.ib or f"127.0.0.1:{self.gateway_port}"

    def ports(self) -> list[tuple[int, str]]:
        """Every fixed port that the stack's own processes will listen on, with the option that moves it."""
        ports = [(self.http, "--http"), (self.stream, "--stream"), (self.flower, "--flower")]
        if self.redis:
            ports.append((self.redis, "--redis"))
        if not self.ib:
            ports += [(self.gateway_port, "--gateway-port"), (self.control_port, "--control-port")]
        return ports


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options shared by every command that starts a stack."""
    parser.add_argument("--http", type=int, default=8000, help="port of the API and the admin")
    parser.add_argument("--stream", type=int, default=8001, help="port of the event stream")
    parser.add_argument("--flower", type=int, default=5555, help="port of Flower")
    parser.add_argument("--redis", type=int, help="port of the embedded Redis (any free one)")
    parser.add_argument("--data", type=Path, help="folder of all data (TRADEDESK_DATA, else .tradedesk)")
    parser.add_argument("--ib", metavar="HOST:PORT", help="use this IB gateway and simulate none")
    parser.add_argument("--gateway-port", type=int, default=4002, help="port of the simulated gateway")
    parser.add_argument("--control-port", type=int, default=4003, help="port of its control interface")


def from_arguments(arguments: dict[str, object]) -> StackOptions:
    """StackOptions from the parsed options of `add_arguments`; raises StackError for a wrong value."""
    chosen = {name: arguments[name] for name in StackOptions.__dataclass_fields__}
    chosen["data"] = Path(str(chosen["data"] or data_dir())).resolve()
    return StackOptions(**chosen)  # type: ignore[arg-type]
