"""How a session's threads and the steps of its sweep are: kept in a row for /metrics, and as alerts.

Both are written by threads that have other work, so neither may fail it: what cannot be written now is
written the next time.
"""

from __future__ import annotations

import time

from brokers.models import SessionHealth
from brokers.port import BrokerSession
from brokers.postgres import clock
from orders.models import Alert, AlertKind
from orders.notify.alerts import clear_alert, raise_alert
from orders.session.clocks import ClockWatch
from orders.session.supervisor import Supervisor
from orders.session.sweep import Sweep

THREAD, STEP = "thread ", "step "  # how subjects of alerts begin


class HealthReport:
    """Says how threads and steps are."""

    def __init__(
        self,
        session: str,
        broker: BrokerSession,
        supervisor: Supervisor,
        sweep: Sweep,
        clocks: ClockWatch,
    ) -> None:
        self.session = session
        self.clocks = clocks
        self.broker = broker
        self.supervisor = supervisor
        self.sweep = sweep
        self._shown: dict[str, str] | None = None

    def store(self) -> None:
        """Keep heartbeats, counters and what is spoken with the broker in the session's row of health."""
        facts = {
            "threads": self.threads(),
            "steps": self.steps(),
            "clocks": self.clocks.skews,
            "server_version": self.broker.server_version,
            "reported_at": clock.now(),
        }
        if not SessionHealth.objects.filter(pk=self.session).update(**facts):
            SessionHealth.objects.create(pk=self.session, **facts)

    def threads(self) -> dict[str, dict[str, float]]:
        """By label: when it last said that it lives (seconds since 1970), and how often it was restarted."""
        offset = time.time() - time.monotonic()
        return {
            watched.label: {
                "beat_at": round(offset + watched.thread.beat_at, 3),
                "restarts": watched.restarts,
            }
            for watched in self.supervisor.all()
        }

    def steps(self) -> dict[str, dict[str, float]]:
        """By name: runs, their seconds, failures, and failures in a row."""
        return {
            step.name: {
                "runs": step.runs,
                "seconds": round(step.seconds, 6),
                "failures": step.failures,
                "failing": step.failing,
            }
            for step in self.sweep.steps
        }

    def alert(self) -> None:
        """Put before a person what is wrong, once for each time it begins, and take away what is over."""
        found = {
            **{f"{THREAD}{one.label}": one.problem() for one in self.supervisor.all()},
            **{f"{STEP}{step.name}": step.problem() for step in self.sweep.steps},
        }
        problems = {subject: text for subject, text in found.items() if text}
        shown = self._open_alerts() if self._shown is None else self._shown
        for subject in problems.keys() - shown.keys():
            raise_alert(AlertKind.SESSION, session=self.session, subject=subject, text=problems[subject])
        for subject in shown.keys() - problems.keys():
            clear_alert(AlertKind.SESSION, session=self.session, subject=subject)
        self._shown = problems

    def _open_alerts(self) -> dict[str, str]:
        """What an earlier process left open."""
        rows = Alert.objects.filter(kind=AlertKind.SESSION, session_id=self.session, cleared_at=None)
        return {
            subject: text
            for subject, text in rows.values_list("subject", "text")
            if subject.startswith((THREAD, STEP))
        }
