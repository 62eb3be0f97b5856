"""A real Prometheus (Debian's package) that watches a running system by the files of deploy/prometheus."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from tradedesk.env import BASE_DIR
from tradedesk.stack.polling import eventually
from tradedesk.stack.ports import HOST, free_port
from tradedesk.stack.processes.process import end, spawn
from tradedesk.stack.urls import Urls, answers

DEPLOY = BASE_DIR / "deploy/prometheus"
EVERY = "1s"  # compose's Prometheus looks every five seconds
Series = list[dict[str, Any]]


def step(begin: float, until: float) -> int:
    """Seconds between the points of a span, of which there shall be some 240."""
    return max(1, round((until - begin) / 240))


class Prometheus:
    """`with Prometheus(folder, urls) as watcher:` runs it on a free port of loopback."""

    def __init__(self, folder: Path, watched: Urls) -> None:
        self.folder, self.watched = folder, watched
        self.url = f"http://{HOST}:{free_port()}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        binary = shutil.which("prometheus")
        assert binary, "Prometheus is not installed: on Debian, apt install prometheus"
        (self.folder / "prometheus.yml").write_text(self.config())
        shutil.copy(DEPLOY / "rules.yml", self.folder)
        argv = [
            binary,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        log = self.folder / "prometheus.log"
        self.process = spawn(argv, env=dict(os.environ), log=log, cwd=self.folder)
        eventually(lambda: answers(f"{self.url}/-/ready"))
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process:
            end(self.process)

    def config(self) -> str:
        """The file of compose, with the rules beside it, led to the system's own ports."""
        config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
        config["global"] = dict.fromkeys(config["global"], EVERY)
        doors = {
            "web:8000": self.watched.http,
            "stream:8001": self.watched.stream,
            "flower:5555": self.watched.flower,
        }
        for job in config["scrape_configs"]:
            for static in job["static_configs"]:
                static["targets"] = [doors[target].removeprefix("http://") for target in static["targets"]]
        return yaml.safe_dump(config)

    def ask(self, path: str, **parameters: Any) -> Any:
        """The data of an answer of its API; AssertionError with its own words when it refuses."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=60).json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    def over_time(self, expression: str, *, begin: float, until: float) -> Series:
        """What an expression came to between two moments (seconds since 1970)."""
        asked = {"query": expression, "start": begin, "end": until, "step": step(begin, until)}
        return list(self.ask("query_range", **asked)["result"])

    def rules(self) -> dict[str, dict[str, Any]]:
        """Every rule by name: its health, state, last error."""
        groups = self.ask("rules")["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}
