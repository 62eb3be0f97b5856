"""Where a stack's doors are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Self

import httpx

from tradedesk.stack.options import StackOptions
from tradedesk.stack.ports import HOST

#: Nothing of a stack speaks TLS. Without this httpx reads all certificates of the world for each question
#: asked, 30 ms of the processor, and a start asks ten times a second.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Base URLs without a slash at the end; `control` is empty when the gateway is not ours."""

    http: str
    stream: str
    flower: str
    control: str

    @classmethod
    def of(cls, options: StackOptions) -> Self:
        """The URLs that these options lead to."""
        return cls(
            http=f"http://{HOST}:{options.http}",
            stream=f"http://{HOST}:{options.stream}",
            flower=f"http://{HOST}:{options.flower}",
            control="" if options.ib else f"http://{HOST}:{options.control_port}",
        )

    @property
    def ready(self) -> str:
        """Answers 200 when database, Redis and the broker session are usable."""
        return f"{self.http}/readyz"

    def summary(self, options: StackOptions, password: str, approver_password: str) -> str:
        """The lines shown when a stack is up."""
        gateway = (
            f"{options.gateway} (simulated, control {self.control})" if self.control else options.gateway
        )
        login = f"login desk, password {password}"
        return "\n".join(
            [
                f"Tradedesk is up, data in {options.data}. Ctrl-C stops it.",
                f"  API      {self.http}/api/v1/docs",
                f"  admin    {self.http}/admin/   {login}",
                f"           second person: login approver, password {approver_password}",
                f"  Flower   {self.flower}/   {login}",
                f"  stream   {self.stream}/api/v1/stream",
                f"  gateway  {gateway}",
                '  What dies is started again, and a line says so: docs/runbook.md, "Something died".',
            ]
        )


def missing_at(ready: str) -> dict[str, str]:
    """What `/readyz` says is not well, by the name of its check; empty when it does not say."""
    try:
        checks = httpx.get(ready, timeout=5, trust_env=False, verify=PLAIN).json()["checks"]
    except (httpx.HTTPError, ValueError, KeyError):
        return {}
    return {name: str(check["reason"]) for name, check in checks.items() if not check["ok"]}


def answers(url: str) -> bool:
    """Whether a URL answers 200 now."""
    try:
        return httpx.get(url, timeout=5, trust_env=False, verify=PLAIN).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
