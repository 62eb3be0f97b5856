"""A name server that does not answer: new connections wait a moment for it, the broker's loop not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradedesk.env import BASE_DIR

SERVER = "127.0.53.53"
#: The resolver's own default is ten seconds for each name.
LIMIT = 7.0  # seconds; the longest wait of ours for a connection is five
ASK = """
import asyncio, json, socket, time
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("%s", 53))
import django
django.setup()
import psycopg
from django.conf import settings
from django.db import connection
from ib_async import IB
from orders.notify import redis_client

took, blocked = {}, [0.0]

def ask(name, question):
    began = time.monotonic()
    try:
        question()
    except Exception as error:
        took[name] = [time.monotonic() - began, repr(error)]

async def gateway():
    async def tick():
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            blocked[0] = max(blocked[0], time.monotonic() - began)
    ticking = asyncio.create_task(tick())
    try:
        await IB().client.connectAsync("gateway.desk.example", 4002, 1, timeout=4)
    finally:
        ticking.cancel()

ask("gateway", lambda: asyncio.run(gateway()))
ask("redis", lambda: redis_client.request_client().ping())
ask("redis again", lambda: redis_client.request_client().ping())
ask("database", connection.ensure_connection)
ask("one connection", lambda: psycopg.connect(settings.DATABASE_URL, connect_timeout=3))
print(json.dumps({"took": took, "blocked": blocked[0]}))
"""


def test_a_silent_name_server_holds_up_nobody_for_long(tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {SERVER}\n")
    mounted = f'mount --bind {resolv} /etc/resolv.conf && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, sys.executable, ASK % SERVER],
        cwd=BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "x" * 50,
            "DJANGO_SETTINGS_MODULE": "tradedesk.settings",
            "DATABASE_URL": "postgresql://a:b@db.desk.example/tradedesk",
            "REDIS_URL": "redis://redis.desk.example:6379/0",
            "TRADEDESK_DATA": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("a file of its own for the resolver needs the right to mount (CAP_SYS_ADMIN)")
    said = json.loads(done.stdout.splitlines()[-1])
    assert set(said["took"]) == {"gateway", "redis", "redis again", "database", "one connection"}
    assert {name: told for name, told in said["took"].items() if told[0] > LIMIT} == {}
    assert said["took"]["redis again"][0] < 1
    assert said["blocked"] < 1
