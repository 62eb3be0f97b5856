"""Webhooks, posted to a real HTTP server of the test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from orders.models import DeliveryState, OrderEvent, Webhook, WebhookDelivery
from orders.selectors import settled_events
from orders.webhooks import addresses, collect, deliver
from tests.integration.api.conftest import ACCOUNT, OTHER, Api, placed
from tradedesk.stack.polling import eventually

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ("read", "trade", "cancel", "admin")


class Receiver:
    """An HTTP server that keeps what it is sent; `answers` are its next statuses, 200 after them."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.got for event in json.loads(body)["events"]]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE = True
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def boss(token: Callable[..., str]) -> Api:
    placed("before")
    return Api(token("boss", scopes=ALL))


def made(boss: Api, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    answer = boss.post("webhooks", {"url": receiver.url, "accounts": [ACCOUNT], **changes})
    assert answer.status_code == 201, answer.content
    document: dict[str, Any] = answer.json()
    return document


def tell(hook: dict[str, Any]) -> int:
    """What the worker does every two seconds; pauses are over."""
    Webhook.objects.update(not_before=timezone.now())
    return work_on(hook)


def work_on(hook: dict[str, Any]) -> int:
    """What the worker does of one webhook; how many posts were taken."""
    collect.collect(hook["id"])
    return deliver.deliver(hook["id"])


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether one of the signatures is right, by the rules of the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mark = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return mark in headers["webhook-signature"].split(" ")


def test_every_event_of_its_accounts_is_posted_once_in_commit_order(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    for number in range(3):
        placed(f"a-{number}")
        placed(f"h-{number}", account=OTHER)
    assert tell(hook) == 1
    assert tell(hook) == 0
    expected = [row.pk for row in settled_events(0, 0) if row.order.account_id == ACCOUNT][1:]
    assert [int(event["id"].split("-")[1]) for event in receiver.events()] == expected
    assert {event["account"] for event in receiver.events()} == {ACCOUNT}


def test_events_come_in_their_order_though_a_workers_clock_goes_back(
    boss: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, made_before = made(boss, receiver), collect.uuid_utils.uuid7()
    for name in ("a-1", "a-2", "a-3"):
        placed(name)
        collect.collect(hook["id"])
        monkeypatch.setattr(collect.uuid_utils, "uuid7", lambda: made_before)
    assert tell(hook) == 3
    assert [event["cl_ord_id"] for event in receiver.events()] == ["a-1", "a-2", "a-3"]


def test_a_post_is_signed_and_dated(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    placed("a-1")
    tell(hook)
    ((headers, body),) = receiver.got
    assert verified(hook["secret"], headers, body)
    assert not verified(hook["secret"], headers, body + b" ")
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    assert json.loads(body)["id"] == headers["webhook-id"]


def test_the_secret_is_shown_once_and_stored_nowhere(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    assert "secret" not in boss.get(f"webhooks/{hook['id']}").json()
    stored = json.dumps([str(value) for value in Webhook.objects.values_list()])
    assert hook["secret"].removeprefix("whsec_") not in stored


def test_after_a_rotation_both_secrets_sign_for_a_day(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    new = boss.post(f"webhooks/{hook['id']}/rotate").json()["secret"]
    for age, valid in ((timedelta(0), True), (timedelta(hours=25), False)):
        Webhook.objects.update(rotated_at=timezone.now() - age)
        placed(f"a-{valid}")
        tell(hook)
        assert verified(new, *receiver.got[-1])
        assert verified(hook["secret"], *receiver.got[-1]) == valid


def test_a_refused_post_is_repeated_unchanged_before_the_next(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    receiver.answers = [500, 302]
    placed("a-1")
    assert tell(hook) == 0
    row = Webhook.objects.get()
    assert (row.failures, row.not_before > timezone.now()) == (1, True)
    assert deliver.deliver(row.pk) == 0  # it pauses
    assert len(receiver.got) == 1
    placed("a-2")
    assert [tell(hook), tell(hook)] == [0, 2]
    bodies = [body for _, body in receiver.got]
    assert bodies[0] == bodies[1] == bodies[2] != bodies[3]
    assert [event["cl_ord_id"] for event in receiver.events()[-2:]] == ["a-1", "a-2"]


def test_pauses_grow_and_a_delivery_is_given_up_at_last(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    receiver.answers = [500] * deliver.ATTEMPTS
    placed("a-1")
    pauses = []
    for _ in range(deliver.ATTEMPTS):
        tell(hook)
        pauses.append((Webhook.objects.get().not_before - timezone.now()).total_seconds())
    assert pauses[:4] == sorted(pauses[:4])
    assert WebhookDelivery.objects.get().state == DeliveryState.FAILED


def test_a_delivery_is_posted_again_when_asked(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    placed("a-1")
    tell(hook)
    (delivery,) = boss.get(f"webhooks/{hook['id']}/deliveries").json()["results"]
    assert (delivery["state"], [each["status_code"] for each in delivery["log"]]) == ("DELIVERED", [200])
    again = boss.post(f"webhooks/{hook['id']}/deliveries/{delivery['id']}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "PENDING")
    tell(hook)
    assert receiver.got[0][1] == receiver.got[1][1]


def test_only_the_kinds_that_are_wanted_and_a_ping(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver, kinds=["FILLED"])
    placed("a-1")
    assert tell(hook) == 0
    boss.post(f"webhooks/{hook['id']}/ping")
    tell(hook)
    assert json.loads(receiver.got[0][1])["type"] == "ping"


def test_an_ended_webhook_is_sent_nothing(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    assert boss.post(f"webhooks/{hook['id']}/end").json()["active"] is False
    placed("a-1")
    assert (tell(hook), receiver.got) == (0, [])
    assert boss.post(f"webhooks/{hook['id']}/ping").json()["code"] == "WEBHOOK_OVER"


def test_who_is_not_active_any_more_is_told_nothing_until_he_is_again(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    User.objects.filter(username="boss").update(is_active=False)
    placed("a-1")
    assert (deliver.due(), tell(hook), receiver.got) == ([], 0, [])
    User.objects.filter(username="boss").update(is_active=True)
    assert tell(hook) == 1
    assert {event["cl_ord_id"] for event in receiver.events()} == {"a-1"}


def two_waiting(boss: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, then: str) -> dict[str, Any]:
    """A webhook of which two deliveries wait; what `then` does to it comes while the first is posted."""
    hook, post = made(boss, receiver), deliver._post
    for name in ("a-1", "a-2"):
        placed(name)
        collect.collect(hook["id"])

    def posted(*given: Any) -> bool:
        taken = post(*given)
        monkeypatch.setattr(deliver, "_post", post)
        hook.update(boss.post(f"webhooks/{hook['id']}/{then}").json())
        return taken

    monkeypatch.setattr(deliver, "_post", posted)
    return hook


def test_one_that_is_ended_while_it_is_told_gets_nothing_more(
    boss: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = two_waiting(boss, receiver, monkeypatch, "end")
    assert deliver.deliver(hook["id"]) == len(receiver.got) == 1


def test_a_secret_that_is_rotated_while_it_is_told_signs_the_next_post(
    boss: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = two_waiting(boss, receiver, monkeypatch, "rotate")
    assert deliver.deliver(hook["id"]) == 2
    assert verified(hook["secret"], *receiver.got[-1])


def test_a_silent_address_is_noted_with_its_reason(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    Webhook.objects.update(url="http://127.0.0.1:1/")
    placed("a-1")
    tell(hook)
    (delivery,) = boss.get(f"webhooks/{hook['id']}/deliveries").json()["results"]
    assert "ConnectError" in delivery["log"][0]["error"]


@pytest.fixture
def dripping() -> Iterator[tuple[str, threading.Event]]:
    """The URL of a receiver that answers with one byte every tenth of a second, until the event is set."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        over = threading.Event()

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.1):
                    connection.sendall(b"x")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", over
        over.set()
        server.shutdown(socket.SHUT_RDWR)


def test_an_answer_that_drips_ends_with_the_attempts_deadline(
    boss: Api, receiver: Receiver, dripping: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "DEADLINE", 1.0)
    hook = made(boss, receiver, url=dripping[0])
    placed("a-1")
    assert tell(hook) == 0
    attempt = WebhookDelivery.objects.get().log.get()
    assert attempt.error == "There was no whole answer within 1 s." and attempt.duration_ms < 10_000


def test_dripping_receivers_leave_threads_for_other_work(
    boss: Api, receiver: Receiver, dripping: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "DEADLINE", 60.0)
    slow = [made(boss, receiver, url=dripping[0]) for _ in range(deliver.AT_ONCE)]
    quick = made(boss, receiver)
    placed("a-1")

    def work(hook: dict[str, Any]) -> None:
        work_on(hook)  # not `tell`: a pause that another ends now would be in the future of this one's clock
        connection.close()

    threads = [threading.Thread(target=work, args=[hook], daemon=True) for hook in slow]
    [each.start() for each in threads]
    eventually(lambda: Webhook.objects.filter(busy_until__isnull=False).count() == len(slow), limit=60)
    assert tell(quick) == 0  # at once: its thread is free for a basket
    dripping[1].set()
    [each.join() for each in threads]
    assert tell(quick) == 1


def test_webhooks_of_other_accounts_do_not_exist(
    boss: Api, token: Callable[..., str], receiver: Receiver
) -> None:
    other = Api(token("other", accounts=(OTHER,), scopes=ALL))
    hook = made(boss, receiver)
    assert other.get("webhooks").json()["results"] == []
    for path in ("", "/deliveries"):
        assert other.get(f"webhooks/{hook['id']}{path}").status_code == 404
    for act in ("end", "ping", "rotate"):
        assert other.post(f"webhooks/{hook['id']}/{act}").status_code == 404
    wrong = boss.post("webhooks", {"url": receiver.url, "accounts": [OTHER]})
    assert wrong.json()["errors"][0]["field"] == "accounts.0"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.8/",
            "https://localhost/",
        ),
        *("https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/"),
        *("https://0.0.0.0/", "https://u:p@example.com/", "https://100.64.0.1/", "https://[fd00::1]/"),
        *("https://2130706433/", "https://x.invalid/", "https://a:99999/"),
        *("https://[::ffff:8.8.8.8]/", "https://[64:ff9b::808:808]/", "https://[2002:7f00:1::]/"),
        *("https://[3fff::1]/", "https://[4000::1]/", "https://[::8.8.8.8]/", "https://[2001:0:a00:1::]/"),
        *("https://8.8.8.8:22/", "https://8.8.8.8:6379/", "https://8.8.8.8:80/", "https://8.8.8.8:9200/"),
    ],
)
def test_our_own_network_is_out_of_reach(boss: Api, url: str) -> None:
    answer = boss.post("webhooks", {"url": url, "accounts": [ACCOUNT]})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "ADDRESS_REFUSED")


def test_a_name_that_moved_to_our_network_is_not_posted_to(
    boss: Api, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = made(boss, receiver)
    settings.WEBHOOK_PRIVATE = False
    Webhook.objects.update(url="https://rebound.example/")
    found = [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    placed("a-1")
    assert tell(hook) == 0
    assert "public internet" in WebhookDelivery.objects.get().log.get().error


def test_nothing_is_lost_when_the_worker_dies_before_it_posts(boss: Api, receiver: Receiver) -> None:
    hook = made(boss, receiver)
    placed("a-1")
    collect.collect(hook["id"])
    Webhook.objects.update(busy_until=timezone.now() + timedelta(hours=1))  # a worker that died holds it
    assert deliver.deliver(hook["id"]) == 0
    Webhook.objects.update(busy_until=timezone.now() - timedelta(seconds=1))
    assert tell(hook) == 1
    assert len(receiver.events()) == OrderEvent.objects.count() - 1
