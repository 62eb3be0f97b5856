"""The control port knows no login: a web page that leads its own name here may not use it."""

from __future__ import annotations

import pytest

from brokers.simulator.control import is_address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "::1", "10.1.2.3"])
def test_the_control_port_answers_to_addresses(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.", "0x7f.1", "127.1"]
)
def test_the_control_port_answers_to_no_other_name(host: str) -> None:
    assert not is_address(host)
