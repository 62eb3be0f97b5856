"""What `up` and `demo` take."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import pytest

from tradedesk.stack.errors import StackError
from tradedesk.stack.options import StackOptions, add_arguments, from_arguments
from tradedesk.stack.ports import CANDIDATES, free_port, is_free, require_free
from tradedesk.stack.processes.commands import environment, processes
from tradedesk.stack.urls import Urls


def options(*argv: str) -> StackOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_arguments(vars(parser.parse_args(argv)))


def test_the_public_ports_are_the_defaults() -> None:
    chosen = options()
    assert (chosen.http, chosen.stream, chosen.flower) == (8000, 8001, 5555)
    assert (chosen.gateway_port, chosen.control_port) == (4002, 4003)


def test_the_data_folder_is_the_option_else_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRADEDESK_DATA", str(tmp_path / "variable"))
    assert options().data == tmp_path / "variable"
    assert options("--data", str(tmp_path / "option")).data == tmp_path / "option"


def test_with_a_gateway_of_somebody_else_none_is_simulated() -> None:
    chosen = options("--ib", "gateway.desk:4001")
    names = [process.name for process in processes(chosen)]
    assert chosen.gateway == "gateway.desk:4001"
    assert "simgateway" not in names
    assert Urls.of(chosen).control == ""


@pytest.mark.parametrize("wrong", ["gateway", "gateway:", "gateway:port", ":4001", "a b:4001"])
def test_a_gateway_without_host_and_port_is_refused(wrong: str) -> None:
    with pytest.raises(StackError, match="--ib must be HOST:PORT"):
        options("--ib", wrong)


def test_one_port_for_two_doors_is_refused() -> None:
    with pytest.raises(StackError, match="same port"):
        options("--http", "9000", "--stream", "9000")


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} .*--http"):
            require_free(port, "--http")


@pytest.mark.parametrize("wrong", [0, -1, 65_536])
def test_what_is_no_port_is_refused(wrong: int) -> None:
    with pytest.raises(StackError, match="between 1 and 65535"):
        require_free(wrong, "--http")


def test_a_free_port_is_outside_the_range_of_outgoing_connections() -> None:
    port = free_port()
    assert port in CANDIDATES
    assert is_free(port)


def test_no_password_is_visible_in_a_command_line() -> None:
    chosen = options()
    shared = environment(
        chosen, database_url="pg://secret1", redis_url="redis://secret2", secret_key="secret3"
    )
    for process in processes(chosen):
        assert "secret" not in " ".join(process.argv)
    assert shared["DATABASE_URL"] == "pg://secret1"


def test_every_process_gets_its_own_name_and_port() -> None:
    chosen = options("--http", "9000", "--stream", "9001", "--flower", "9002")
    running = {process.name: process for process in processes(chosen)}
    assert set(running) == {"simgateway", "web", "stream", "broker", "worker", "beat", "flower"}
    assert "9000" in running["web"].argv
    assert "9001" in running["stream"].argv
    assert "--port=9002" in running["flower"].argv
