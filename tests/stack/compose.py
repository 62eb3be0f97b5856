"""docker-compose.yml, read as Compose reads it, and its services run as plain processes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from tradedesk.env import BASE_DIR

FILE = BASE_DIR / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service: command, environment and health check after interpolation."""

    name: str
    command: list[str]
    environment: dict[str, str]
    health: list[str]
    options: dict[str, Any]


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """All services, with `${NAME:?why}` and `${NAME:-default}` filled in; KeyError for a missing one."""
    parsed = cast(dict[str, Any], yaml.safe_load(FILE.read_text()))
    return {name: service(name, filled(options, variables)) for name, options in parsed["services"].items()}


def service(name: str, options: dict[str, Any]) -> Service:
    """A service from its (filled) options."""
    environment = {key: str(value) for key, value in options.get("environment", {}).items()}
    health = options.get("healthcheck", {}).get("test", [])
    command = [str(part) for part in options.get("command", [])]
    return Service(name=name, command=command, environment=environment, health=health, options=options)


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Interpolate every string in a parsed document."""
    if isinstance(value, dict):
        return {key: filled(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, variables) for part in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: fill(found, variables), value).replace("$$", "$")
    return value


def fill(found: re.Match[str], variables: Mapping[str, str]) -> str:
    """One `${...}`."""
    if found["kind"] == "-":
        return variables.get(found["name"]) or str(found["word"])
    return variables[found["name"]]


def here(text: str, addresses: Mapping[str, str]) -> str:
    """A string of the compose file with addresses and folders of the containers replaced by ours."""
    for theirs, ours in addresses.items():
        text = re.sub(rf"(?<!\d){re.escape(theirs)}", ours, text)  # 0.0.0.0, not 10.0.0.0
    return text


def moved(service: Service, addresses: Mapping[str, str]) -> Service:
    """The service with everything in it pointing to this machine."""
    return Service(
        name=service.name,
        command=[here(part, addresses) for part in service.command],
        environment={name: here(value, addresses) for name, value in service.environment.items()},
        health=[here(part, addresses) for part in service.health],
        options=service.options,
    )


def health_argv(service: Service) -> list[str]:
    """The health check as a command line."""
    kind, *rest = service.health
    return ["sh", "-c", *rest] if kind == "CMD-SHELL" else rest


def surroundings(service: Service, path: Path, data: Path) -> dict[str, str]:
    """The environment of a service's process: its own variables and what the image would set; no more."""
    return {
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "DJANGO_SETTINGS_MODULE": "tradedesk.settings",
        "TRADEDESK_DATA": str(data),
        "TRADEDESK_HEARTBEATS": str(data / "heartbeats"),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        **service.environment,
    }
