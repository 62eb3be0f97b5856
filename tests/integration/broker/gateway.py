"""The simulated gateway as a process of its own, which starts in a moment."""

from __future__ import annotations

import multiprocessing
import os
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brokers.simulator.app import add_arguments, run
from tradedesk.stack.clients import Control
from tradedesk.stack.ports import free_port

if TYPE_CHECKING:  # the gateway's process knows no Django
    from orders.models import Order

#: Gateways are processes of their own, forked from one that has imported the simulator.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([__name__])


def simulate(argv: list[str], say: Callable[[str], None]) -> None:
    """The life of a gateway's process, which speaks of nothing but that it is ready."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    parser = ArgumentParser()
    add_arguments(parser)
    run(parser.parse_args(argv), say)


class Gateway:
    """A simulated gateway process that can be killed and started again on the same data."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.port, self.control_port = folder, free_port(), free_port()
        self.options = options
        self.process: multiprocessing.process.BaseProcess | None = None
        self.control = Control(f"http://127.0.0.1:{self.control_port}")

    def start(self) -> None:
        ports = ["--port", str(self.port), "--control-port", str(self.control_port)]
        heard, said = FORKED.Pipe(duplex=False)
        self.process = FORKED.Process(
            target=simulate, args=([*ports, "--data", str(self.folder), *self.options], said.send)
        )
        self.process.start()
        said.close()
        assert "ready" in heard.recv()
        heard.close()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.join()

    def signal(self, number: int) -> None:
        """Freeze it or let it go on."""
        assert self.process and self.process.pid
        os.kill(self.process.pid, number)

    def orders_of(self, order: Order) -> list[dict[str, Any]]:
        """The gateway's own rows that carry this order's reference, any attempt."""
        base = order.order_ref.split("-")[0]
        return [row for row in self.control.orders() if row["order_ref"].split("-")[0] == base]
