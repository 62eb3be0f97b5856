"""What follows the rows of a snapshot: named steps, of which one that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from brokers.inbox.parking import describe
from brokers.postgres import clock, database
from brokers.threads import beat_here
from orders.models import Alert, AlertKind
from orders.notify.alerts import raise_alert

log = logging.getLogger(__name__)
T = TypeVar("T")
SUBJECT = "snapshot: "


class Steps:
    """The steps of one snapshot of one session, and what became of them.

    A step that fails is logged, alerted and part of the run's result. While the database is away it raises:
    then the whole snapshot is applied again, and each step is harmless to repeat.
    """

    def __init__(self, session: str) -> None:
        self.session = session
        self.errors: dict[str, str] = {}
        self._passed: list[str] = []

    def run(self, name: str, step: Callable[[], T], *, instead: T, after: tuple[str, ...] = ()) -> T:
        """The step's result, or `instead` when it failed or one of those that it comes `after` did."""
        if any(before in self.errors for before in after):
            return instead
        beat_here()  # each step may take its time on a long day
        try:
            result = step()
        except Exception as error:
            if database.is_away(error):
                raise
            log.exception("step of a snapshot failed", extra={"session": self.session, "step": name})
            self.errors[name] = describe(error)
            self._alert(name)
            return instead
        self._passed.append(name)
        return result

    def _alert(self, name: str) -> None:
        text = f"Of what follows a snapshot, this failed: {name} ({self.errors[name]}). All else was done."
        try:
            raise_alert(AlertKind.SESSION, session=self.session, subject=SUBJECT + name, text=text)
        except Exception as error:
            if database.is_away(error):
                raise
            log.exception("no alert either", extra={"session": self.session, "step": name})

    def finish(self) -> str:
        """Clear the alerts of steps that pass again; the errors as one text, empty when there is none."""
        subjects = [SUBJECT + name for name in self._passed]
        over = Alert.objects.filter(
            kind=AlertKind.SESSION, session_id=self.session, subject__in=subjects, cleared_at=None
        )
        over.update(cleared_at=clock.now(), cleared_by="system")
        return "; ".join(f"{name}: {error}" for name, error in self.errors.items())
