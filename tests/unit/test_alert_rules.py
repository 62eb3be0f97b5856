"""Prometheus rules: each alert fires when it should, and has its entry in the runbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.stack.promql import parse
from tests.unit.test_links import places
from tradedesk.env import BASE_DIR

GROUPS = yaml.safe_load((BASE_DIR / "deploy/prometheus/rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
#: Of each alert: a sample for which it fires, and one for which it does not.
SAMPLES = {
    "DatabaseDown": ("tradedesk_database_up 0", "tradedesk_database_up 1"),
    "RedisDown": ("tradedesk_redis_up 0", "tradedesk_redis_up 1"),
    "SessionNotReady": (
        'tradedesk_session_link{session="main",link="READY"} 0',
        'tradedesk_session_link{session="main",link="DOWN"} 0',
    ),
    "BrokerWorkerSilent": (
        'tradedesk_session_heartbeat_age_seconds{session="main"} 11',
        'tradedesk_session_heartbeat_age_seconds{session="main"} 2',
    ),
    "ThreadSilent": (
        'tradedesk_thread_heartbeat_seconds{session="main",thread="lease"} 41',
        'tradedesk_thread_heartbeat_seconds{session="main",thread="lease"} 1',
    ),
    "SweepStepFailing": (
        'tradedesk_sweep_step_failing{session="main",step="snapshot"} 6',
        'tradedesk_sweep_step_failing{session="main",step="snapshot"} 2',
    ),
    "ClocksDiffer": (
        'tradedesk_clock_skew_seconds{session="main",against="gateway"} 8',
        'tradedesk_clock_skew_seconds{session="main",against="gateway"} 0.4',
    ),
    "BreakerOpen": (
        'tradedesk_session_breaker{session="main",state="OPEN"} 1',
        'tradedesk_session_breaker{session="main",state="CLOSED"} 1',
    ),
    "OrdersInDoubt": (
        'tradedesk_orders_oldest_seconds{state="UNCONFIRMED"} 31',
        'tradedesk_orders_oldest_seconds{state="PENDING"} 5000',
    ),
    "QueueOld": ("tradedesk_outbox_oldest_seconds 6", "tradedesk_outbox_oldest_seconds 0.2"),
    "InboxStuck": ("tradedesk_inbox_errors 1", "tradedesk_inbox_errors 0"),
    "OrdersGivenUp": ("tradedesk_order_error_ratio 0.06", "tradedesk_order_error_ratio 0.01"),
    "ReconciliationLate": (
        'tradedesk_reconciliation_age_seconds{kind="ORDERS",session="main"} 200',
        'tradedesk_reconciliation_age_seconds{kind="ORDERS",session="main"} 30',
    ),
    "BreakOpen": (
        'tradedesk_breaks_oldest_seconds{kind="CASH"} 901',
        'tradedesk_breaks_oldest_seconds{kind="CASH"} 60',
    ),
    "PersonNeeded": (
        'tradedesk_alerts_oldest_seconds{kind="OVERFILL"} 301',
        'tradedesk_alerts_oldest_seconds{kind="OVERFILL"} 3',
    ),
    "AuditNotSealed": ("tradedesk_audit_unsealed_seconds 61", "tradedesk_audit_unsealed_seconds 3"),
    "StreamLags": ("tradedesk_stream_lag_seconds 31", "tradedesk_stream_lag_seconds 0.2"),
    "TasksOld": (
        'tradedesk_celery_queue_oldest_seconds{queue="default"} 61',
        'tradedesk_celery_queue_oldest_seconds{queue="default"} 3',
    ),
    "BudgetBurnsFast": (
        'tradedesk:slo_burn:fast{slo="sent_in_time"} 14',
        'tradedesk:slo_burn:fast{slo="sent_in_time"} 1',
    ),
    "BudgetBurnsSlow": (
        'tradedesk:slo_burn:slow{slo="stream_in_time"} 6',
        'tradedesk:slo_burn:slow{slo="stream_in_time"} 1',
    ),
    "SendingSlow": ("tradedesk:receive_to_send:p99 1.5", "tradedesk:receive_to_send:p99 0.01"),
    "PacingExhausted": (
        'tradedesk_session_pacing_used_ratio{session="main"} 0.95',
        'tradedesk_session_pacing_used_ratio{session="main"} 0.5',
    ),
}


def test_every_alert_has_its_samples() -> None:
    assert set(SAMPLES) == set(ALERTS)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_alert_fires_when_it_should_and_only_then(name: str) -> None:
    condition = parse(ALERTS[name]["expr"])
    firing, quiet = SAMPLES[name]
    assert condition.fires(f"{firing}\n")
    assert not condition.fires(f"{quiet}\n")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_alert_says_what_is_wrong_and_how_urgent(name: str) -> None:
    assert ALERTS[name]["annotations"]["summary"]
    assert ALERTS[name]["labels"]["severity"] in ("page", "ticket")


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    entries = re.findall(r"^\| `(\w+)` \|", (BASE_DIR / "docs/runbook.md").read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(ALERTS)


def test_every_alert_names_a_place_in_the_runbook() -> None:
    found = places(BASE_DIR / "docs/runbook.md")
    named = [rule["annotations"]["runbook"].split("#") for rule in ALERTS.values()]
    assert [place for page, place in named if (page, place in found) != ("docs/runbook.md", True)] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_objectives_burn_as_their_scenarios_say() -> None:
    """Prometheus' own test of rules: minutes of samples, and what must fire after them."""
    done = subprocess.run(
        ["promtool", "test", "rules", "objectives.yml"],
        cwd=BASE_DIR / "tests/data/prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_shows_metrics_that_exist_or_are_flowers() -> None:
    board = json.loads((BASE_DIR / "deploy/grafana/dashboards/tradedesk.json").read_text())
    code = "".join(path.read_text() for path in (BASE_DIR / "tradedesk/metrics").glob("*.py"))
    shown = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"tradedesk_\w+", target["expr"])
    }
    assert shown
    made = code.replace("{name}", "outbox") + code.replace("{name}", "inbox")
    made += code.replace("{name}", "alerts") + code.replace("{name}", "breaks")
    assert [name for name in shown if re.sub("_bucket$|_total$", "", name) not in made] == []
