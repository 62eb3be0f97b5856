"""Three clocks under watch: this machine's, PostgreSQL's and the gateway's."""

from __future__ import annotations

from brokers.port import BrokerSession
from brokers.postgres import clock
from orders.booking.flags import SessionFlags
from orders.models import AlertKind
from orders.notify.alerts import clear_alert, raise_alert

SUBJECT = "clocks"


class ClockWatch:
    """Measures how far this machine's clock is off; corrects it for comparisons, and tells a person."""

    def __init__(self, session: str, broker: BrokerSession, flags: SessionFlags) -> None:
        self.session = session
        self.broker = broker
        self.flags = flags
        #: Seconds by which this machine is ahead of each.
        self.skews: dict[str, float] = {}

    def look_after(self) -> None:
        """Measure; above the setting MAX_CLOCK_SKEW no absence is concluded from snapshots any more."""
        # The gateway's is measured against our corrected clock, which is PostgreSQL's.
        database, gateway = clock.measure(), self.broker.clock_ahead
        self.skews = {"database": round(database, 3), "gateway": round(database - gateway, 3)}
        self.flags.skew = max(abs(database), abs(gateway))
        if self.flags.skew > clock.WRONG_ABOVE:
            raise_alert(AlertKind.SESSION, session=self.session, subject=SUBJECT, text=self._text(gateway))
        else:
            clear_alert(AlertKind.SESSION, session=self.session, subject=SUBJECT)

    def _text(self, gateway: float) -> str:
        return (
            f"The clocks differ: the worker's is {self.skews['database']:+.1f} s off the database's, the "
            f"gateway's {gateway:+.1f} s. Set them by NTP; comparisons use the database's meanwhile."
        )
