"""The one place that reads the environment: names, defaults and checks of every setting.

A wrong value stops the start with a sentence that names the variable (design: public face).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from brokers import time_zones
from brokers.flex import Flex
from brokers.gate import daily_time
from brokers.gate.daily_time import DailyTime

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()


def data_dir() -> Path:
    """The one folder that holds all data of the local stack (`TRADEDESK_DATA`, `.tradedesk` by default)."""
    return Path(os.environ.get("TRADEDESK_DATA") or BASE_DIR / ".tradedesk").resolve()


def process_name() -> str:
    """Which program this is, as the audit names it: "manage.py seed", "granian", "celery_commands.py"."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name  # python -m granian
    words = [name or "python", *sys.argv[1:2]]
    if not words[0].startswith("manage"):
        words = words[:1]
    return re.sub(r"[^\w.-]+", "_", "_".join(words))[:60]


def local_stack() -> dict[str, str]:
    """URLs of the local stack that runs on `data_dir()`, as it wrote them; empty when none runs."""
    try:
        facts = json.loads((data_dir() / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in facts.items()} if is_locked(data_dir()) else {}


def is_locked(data: Path) -> bool:
    """Whether a local stack runs on this folder: one that was killed leaves its file, but not its lock."""
    try:
        with (data / "stack.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def url(name: str) -> str:
    """`DATABASE_URL`, `REDIS_URL` or `TRADEDESK_GATEWAY`: as set, else as the running local stack has it."""
    return os.environ.get(name) or local_stack().get(name, "")


def redis_url() -> str:
    """`REDIS_URL`, else the running local stack's, else this machine's.

    Raises ImproperlyConfigured for what clients would trip over later; no message quotes a password.
    """
    told = url("REDIS_URL") or "redis://127.0.0.1:6379/0"
    schemes = ("sentinel",) if told.startswith("sentinel:") else ("redis", "rediss")
    if not all(is_redis(part, schemes) for part in told.split(";")):
        raise ImproperlyConfigured(
            "REDIS_URL is wrong: expected redis://:password@host:port/number, rediss://... or sentinel://...;..."
        )
    return told


def is_redis(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether this leads to a Redis server: a host, a port if any, the number of a database if any."""
    try:
        parts = urlsplit(text)
        place = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False
    return place and parts.scheme in schemes and re.fullmatch(r"/?\d*", parts.path, re.ASCII) is not None


def provider(name: str) -> str:
    """The address of an identity provider: HTTPS, or this machine; empty for none.

    Raises ImproperlyConfigured, also where the client's own name or secret is missing.
    """
    told: str = read(env.str, name, "")
    parts = urlsplit(told)
    if told and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise ImproperlyConfigured(f"{name} is wrong: expected https://..., not {told!r}.")
    client = ("TRADEDESK_OIDC_CLIENT_ID", "TRADEDESK_OIDC_CLIENT_SECRET")
    if told and (missing := [each for each in client if not os.environ.get(each)]):
        raise ImproperlyConfigured(f"{name} is set, so {missing[0]} must be set too.")
    return told


def database_url() -> str:
    """`DATABASE_URL`; for `manage.py migrate` and `archive` that of the owner, where it is known.

    Nothing else that works by way of Django is done as the owner of the tables: the application may not
    change or delete what is audited.
    """
    owner = owner_url() if sys.argv[1:2] in (["migrate"], ["archive"]) else ""
    return owner or url("DATABASE_URL") or "postgresql://tradedesk_app@127.0.0.1:5432/tradedesk"


def owner_url() -> str:
    """`DATABASE_OWNER_URL`, or that of the local stack where `DATABASE_URL` is not set; else empty."""
    owner = os.environ.get("DATABASE_OWNER_URL") or ""
    if owner or os.environ.get("DATABASE_URL"):
        return owner
    return local_stack().get("DATABASE_OWNER_URL", "")


def folder(name: str) -> Path | None:
    """A folder or file, which need not exist yet; None when it is not set."""
    text = os.environ.get(name) or ""
    return Path(text).resolve() if text else None


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A number within [low, high]; raises ImproperlyConfigured naming the variable otherwise."""
    value = read(env.float, name, default)
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name} must be between {low} and {high}, not {value}.")
    return float(value)


def read(reader: Any, name: str, default: Any) -> Any:
    """One variable through an environs reader; a wrong value raises ImproperlyConfigured naming it."""
    try:
        return reader(name, default)
    except EnvError as error:
        raise ImproperlyConfigured(f"{name} is wrong: {error}") from None


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number within [low, high]; raises ImproperlyConfigured naming the variable otherwise."""
    value = read(env.int, name, default)
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name} must be between {low} and {high}, not {value}.")
    return int(value)


def ports(name: str, default: list[int]) -> list[int]:
    """Ports, separated by commas; raises ImproperlyConfigured naming the variable otherwise."""
    found: list[int] = read(partial(env.list, subcast=int), name, default)
    if not found or not all(0 < port < 65_536 for port in found):
        raise ImproperlyConfigured(f"{name} must be ports between 1 and 65535, separated by commas.")
    return found


def choice(name: str, default: str, words: tuple[str, ...], *, fold: Callable[[str], str] = str) -> str:
    """One of these words, after `fold`; raises ImproperlyConfigured naming the variable otherwise."""
    value = fold(os.environ.get(name) or default)
    if value not in words:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(words)}, not {value!r}.")
    return value


def words(name: str, known: tuple[str, ...]) -> frozenset[str]:
    """Some of these words, separated by commas: all when it is not set, none when it is set empty."""
    text = os.environ.get(name)
    found = frozenset(known if text is None else (part.strip() for part in text.split(",") if part.strip()))
    if wrong := sorted(found - {*known}):
        raise ImproperlyConfigured(f"{name} takes {', '.join(known)}; it does not know {', '.join(wrong)}.")
    return found


def bound_name_lookups() -> None:
    """Give up a name server that does not answer after a second, and ask it once more (resolv.conf(5)).

    The resolver's own limit is ten seconds for a name: longer than any wait of ours, and none of our timeouts
    ends it. It reads this variable at its first lookup; who sets it otherwise is heeded.
    """
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:2")


def amount(name: str, default: int) -> Decimal:
    """An amount of money, not below zero; raises ImproperlyConfigured naming the variable otherwise."""
    value: Decimal = read(env.decimal, name, Decimal(default))
    if not (value.is_finite() and value >= 0):
        raise ImproperlyConfigured(f"{name} must be an amount of 0 or more, not {value}.")
    return value


def networks(name: str) -> str:
    """Addresses or networks, separated by commas; raises ImproperlyConfigured for something else."""
    text = os.environ.get(name, "")
    try:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is wrong: {error}.") from None
    return text


def web_address(name: str, default: str) -> str:
    """Where a browser is led, http:// or https://; empty for the same host as the page."""
    value: str = read(env.str, name, default)
    check_web_address(name, value or default)
    return value


def web_addresses(name: str, default: list[str]) -> list[str]:
    """Origins, separated by commas."""
    values: list[str] = read(env.list, name, default)
    for value in values:
        check_web_address(name, value)
    return values


def check_web_address(name: str, value: str) -> None:
    """Raise ImproperlyConfigured naming the variable for what no browser could follow."""
    if not re.fullmatch(r"https?://[^\s/,]+\S*", value):
        raise ImproperlyConfigured(
            f"{name} is wrong: expected https://host or http://host:port, not {value!r}."
        )


def report_times() -> dict[str, DailyTime]:
    """`TRADEDESK_START_OF_DAY` and `TRADEDESK_END_OF_DAY` by the names of their reports; no day off."""
    found = {}
    holidays = os.environ.get("TRADEDESK_HOLIDAYS", "")
    for report, name in (("start-of-day", "TRADEDESK_START_OF_DAY"), ("end-of-day", "TRADEDESK_END_OF_DAY")):
        if not (text := os.environ.get(name, "").strip()):
            continue
        try:
            off = frozenset(date.fromisoformat(day.strip()) for day in holidays.split(",") if day.strip())
        except ValueError as error:
            raise ImproperlyConfigured(f"TRADEDESK_HOLIDAYS is wrong: {error}.") from None
        try:
            found[report] = daily_time.parse(text, off)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} is wrong: {error}.") from None
    return found


FLEX_URL = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"


def flex() -> Flex | None:
    """`TRADEDESK_FLEX_*`; None where no query is named. No message quotes the token."""
    queries = {}
    for part in filter(None, map(str.strip, os.environ.get("TRADEDESK_FLEX_QUERIES", "").split(","))):
        match = re.fullmatch(r"([A-Za-z0-9_-]{1,40})=(\d{1,20})", part, re.ASCII)
        if not match:
            raise ImproperlyConfigured(
                f"TRADEDESK_FLEX_QUERIES is wrong: expected name=number, not {part!r}."
            )
        queries[match[1]] = match[2]
    if not queries:
        return None
    token = os.environ.get("TRADEDESK_FLEX_TOKEN", "").strip()
    if not re.fullmatch(r"[A-Za-z0-9]{8,100}", token, re.ASCII):
        raise ImproperlyConfigured("TRADEDESK_FLEX_TOKEN must be the token of the Flex web service.")
    url = os.environ.get("TRADEDESK_FLEX_URL", "").strip().rstrip("/") or FLEX_URL
    if not re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url):
        raise ImproperlyConfigured("TRADEDESK_FLEX_URL is wrong: it carries the token, so it must be https.")
    try:
        at = daily_time.parse(os.environ.get("TRADEDESK_FLEX_AT", "").strip() or "06:30 America/New_York")
    except ValueError as error:
        raise ImproperlyConfigured(f"TRADEDESK_FLEX_AT is wrong: {error}.") from None
    return Flex(queries=queries, at=at, url=url, token=token)


#: What Apprise may be told to use: nothing that reads files, runs programs or fetches configurations.
CHANNEL_SCHEMES = frozenset(
    [
        *("mailto", "mailtos", "json", "jsons", "xml", "xmls", "slack", "msteams", "workflows", "discord"),
        *("tgram", "gchat", "mmost", "mmosts", "rocket", "rockets", "matrix", "matrixs", "pagerduty"),
        *("opsgenie", "pagertree", "victorops", "splunk", "ntfy", "ntfys", "pover", "twilio"),
    ]
)


def alert_channels() -> dict[str, str]:
    """`TRADEDESK_ALERT_CHANNELS`: "name=URL" separated by spaces or lines; no message quotes a URL."""
    found = {}
    for number, part in enumerate(os.environ.get("TRADEDESK_ALERT_CHANNELS", "").split(), start=1):
        name, equals, url = part.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name, re.ASCII):
            raise ImproperlyConfigured(f"TRADEDESK_ALERT_CHANNELS: entry {number} must be name=URL.")
        if url.partition("://")[0] not in CHANNEL_SCHEMES:
            raise ImproperlyConfigured(f"TRADEDESK_ALERT_CHANNELS: {name} has a scheme that is not allowed.")
        found[name] = url
    return found


def secret_key() -> str:
    """`SECRET_KEY` from the environment, else the local stack's own; never a built-in value.

    Commands that need no key (migrate, simgateway, tests of pure parts) get a random one for their
    lifetime, so nothing signed with it outlives the process.
    """
    key = os.environ.get("SECRET_KEY") or ""
    if key and len(key) < 32:
        raise ImproperlyConfigured("SECRET_KEY must have at least 32 characters.")
    return key or stored_secret_key() or secrets.token_urlsafe(48)


def require_secret_key() -> None:
    """Raise ImproperlyConfigured in a process that signs for others, when the key would go with it."""
    if not (os.environ.get("SECRET_KEY") or stored_secret_key()):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: logins and the signatures of webhooks would end with each process. Set "
            "it to 50 random characters, the same for all processes."
        )


def stored_secret_key() -> str:
    """The key that the local stack keeps in its data folder; empty when there is none."""
    try:
        return (data_dir() / "secret_key").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """How one broker session is reached: adapter by dotted path, gateway address, IB client id."""

    name: str
    adapter: str
    host: str
    port: int
    client_id: int
    #: The gateway's own, by its name in the tz database; empty when it is not set.
    time_zone: str = ""


def broker_sessions() -> dict[str, SessionConfig]:
    """Broker sessions by name, from `TRADEDESK_SESSIONS` ("name=host:port/client_id, ...").

    `TRADEDESK_GATEWAY` ("host:port"), else the running local stack's, moves the session `main` alone to
    another gateway.
    """
    text = os.environ.get("TRADEDESK_SESSIONS", "main=127.0.0.1:4002/1")
    told = [parse_session(part) for part in text.split(",")]
    sessions = {session.name: session for session in told}
    if len(sessions) < len(told):
        raise ImproperlyConfigured(f"TRADEDESK_SESSIONS is wrong: a session is named twice in {text!r}.")
    gateway = url("TRADEDESK_GATEWAY")
    if gateway and "main" in sessions:
        sessions["main"] = parse_session(f"main={gateway}/{sessions['main'].client_id}", "TRADEDESK_GATEWAY")
    zones = time_zones_of(list(sessions))
    return {name: replace(session, time_zone=zones.get(name, "")) for name, session in sessions.items()}


def time_zones_of(sessions: list[str]) -> dict[str, str]:
    """`TRADEDESK_TIME_ZONES`: "Area/City" for all sessions, or "name=Area/City, ..."."""
    zones: dict[str, str] = {}
    for part in filter(None, map(str.strip, os.environ.get("TRADEDESK_TIME_ZONES", "").split(","))):
        name, _, zone = part.rpartition("=")
        if time_zones.find(zone.strip()) is None or (name and name.strip() not in sessions):
            raise ImproperlyConfigured(
                "TRADEDESK_TIME_ZONES is wrong: expected Area/City or session=Area/City with a known session,"
                f" not {part!r}."
            )
        zones |= {one: zone.strip() for one in ([name.strip()] if name else sessions)}
    return zones


ADAPTER = "brokers.ib.session.IBSession"


def adapter() -> str:
    """`TRADEDESK_ADAPTER`; raises ImproperlyConfigured when there is no such module."""
    path = os.environ.get("TRADEDESK_ADAPTER") or ADAPTER
    try:
        is_there = path == ADAPTER or find_spec(path.rpartition(".")[0]) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        raise ImproperlyConfigured(f"TRADEDESK_ADAPTER is wrong: expected module.Class, not {path!r}.")
    return path


def parse_session(text: str, variable: str = "TRADEDESK_SESSIONS") -> SessionConfig:
    """One "name=host:port/client_id"; raises ImproperlyConfigured naming the variable."""
    found = re.fullmatch(r"\s*([a-z0-9_-]+)=([^\s/:]+):(\d{1,5})/(\d{1,9})\s*", text)
    if not found or not 0 < int(found[3]) < 65536 or int(found[4]) == 0:
        raise ImproperlyConfigured(
            f"{variable} is wrong: expected name=host:port/client_id with a client id above 0,"
            f" not {text.strip()!r}."
        )
    return SessionConfig(
        name=found[1], adapter=adapter(), host=found[2], port=int(found[3]), client_id=int(found[4])
    )
