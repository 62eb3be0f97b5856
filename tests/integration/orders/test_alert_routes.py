"""Alerts reach people's channels: a local HTTP receiver and a local SMTP server take them."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.utils import timezone

from orders.models import Alert, AlertKind, AlertMute, AlertNotice, AlertRoute, NoticeState, Severity
from orders.notify import routes
from orders.notify.alerts import raise_alert, see_alert
from tradedesk import env

#: A module of Apprise's mail plug-in asks for it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "s3cr3t-pass"


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted; answers as the server's `status` says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing."""


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a mail needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            self.wfile.write(b"354 go on\r\n" if word == b"DATA" else b"250 ok\r\n")
            if word == b"DATA":
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.got.append(text.decode())  # type: ignore[attr-defined]
                self.wfile.write(b"250 taken\r\n")


def serving(server: Any) -> Iterator[Any]:
    server.got, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver() -> Iterator[Any]:
    yield from serving(HTTPServer(("127.0.0.1", 0), Receiver))


@pytest.fixture
def mail() -> Iterator[Any]:
    yield from serving(socketserver.TCPServer(("127.0.0.1", 0), Mail))


@pytest.fixture
def route(db: None, settings: Any, receiver: Any) -> AlertRoute:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    settings.ALERT_CHANNELS = {"chat": f"json://user:{SECRET}@127.0.0.1:{receiver.server_port}/"}
    return AlertRoute.objects.create(
        name="desk", channel="chat", severity=Severity.INFO, since=timezone.now() - timedelta(hours=1)
    )


def alarm(kind: AlertKind = AlertKind.SESSION, **facts: Any) -> int:
    return raise_alert(kind, session="main", text="The gateway is gone.", **facts)


def test_an_open_alert_is_posted_once_with_its_severity(route: AlertRoute, receiver: Any) -> None:
    alarm()
    assert (routes.work(), routes.work()) == (1, 0)
    (posted,) = receiver.got
    assert posted["title"] == "Critical: Broker session needs a person"
    assert "The gateway is gone." in posted["message"]


def test_a_mail_server_takes_it(route: AlertRoute, settings: Any, mail: Any) -> None:
    host = f"127.0.0.1:{mail.server_address[1]}"
    settings.ALERT_CHANNELS = {
        "chat": f"mailto://{host}?from=desk@example.com&to=ops@example.com&mode=insecure"
    }
    alarm(AlertKind.BUST)
    assert routes.work() == 1
    assert "Execution taken back by the exchange" in mail.got[0]


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({"kinds": ["BREAK"]}, 0),
        ({"kinds": ["LATE_FILL", "BREAK"]}, 1),
        ({"severity": Severity.CRITICAL}, 1),
        ({"active": False}, 0),
    ],
)
def test_a_route_takes_its_kinds_from_its_severity_on(
    route: AlertRoute, wanted: dict[str, Any], taken: int
) -> None:
    AlertRoute.objects.update(**wanted)
    alarm(AlertKind.LATE_FILL)
    alarm(AlertKind.COMMISSION_MISSING)
    assert routes.work() == taken


def test_what_is_muted_is_sent_when_the_mute_is_over_and_it_is_open_still(route: AlertRoute) -> None:
    now = timezone.now()
    AlertMute.objects.create(
        kind="SESSION", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1), reason="drill"
    )
    alarm()
    assert routes.work() == 0
    AlertMute.objects.update(ends_at=now - timedelta(minutes=1))
    assert routes.work() == 1


def test_what_nobody_reads_goes_on_to_the_second_channel(
    route: AlertRoute, settings: Any, receiver: Any
) -> None:
    settings.ALERT_CHANNELS["boss"] = settings.ALERT_CHANNELS["chat"]
    AlertRoute.objects.update(escalate_to="boss", escalate_after=60)
    first, second = alarm(), alarm(AlertKind.BUST)
    assert routes.work() == 2
    Alert.objects.update(raised_at=timezone.now() - timedelta(minutes=2))
    see_alert(first, user=User.objects.create_user("reader"))
    assert routes.work() == 1
    assert receiver.got[-1]["title"].startswith("Nobody has read this: Critical")
    assert AlertNotice.objects.get(escalation=True).alert_id == second


def test_a_receiver_that_refuses_is_asked_again_later_and_given_up_at_last(
    route: AlertRoute, receiver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    alarm()
    with caplog.at_level(logging.DEBUG):
        for _ in range(len(routes.PAUSES) + 1):
            assert routes.work() == 0
            AlertNotice.objects.update(not_before=timezone.now())
    notice = AlertNotice.objects.get()
    assert (notice.state, notice.attempts) == (NoticeState.FAILED, len(routes.PAUSES) + 1)
    assert SECRET not in caplog.text + notice.error


def test_a_channel_that_the_setting_does_not_name_is_an_error_in_words(route: AlertRoute) -> None:
    assert routes.send("moon", "a", "b") == "The setting names no such channel."


@pytest.mark.parametrize("url", ["file:///etc/passwd", "syslog://", f"http://x:{SECRET}@y", "nothing"])
def test_only_known_schemes_are_channels_and_no_message_quotes_a_secret(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TRADEDESK_ALERT_CHANNELS", f"ok=json://a/ bad={url}")
    with pytest.raises(ImproperlyConfigured, match="bad has a scheme") as refused:
        env.alert_channels()
    assert SECRET not in str(refused.value)
