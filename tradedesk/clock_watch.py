"""The clock of this process against the database's: corrected for comparisons, and told to people when wrong.

Broker workers measure theirs in the sweep, with the gateway's (`orders/session/clocks.py`); every other
process has a thread for it, which waits for a database that is away without holding up anybody.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from functools import cache
from socket import gethostname

from django.db import Error, connection
from django.db.models import Q

from brokers.postgres import clock
from orders.models import Alert, AlertKind
from orders.notify.alerts import clear_alert, raise_alert
from orders.session.clocks import SUBJECT

log = logging.getLogger(__name__)

EVERY = 30.0  # seconds
GONE_AFTER = timedelta(minutes=3)  # a process that has not told its wrong clock for so long runs no more
FIRST_WITHIN = 3.0  # seconds that who must not begin with a wrong time waits for the first measurement


@cache
def keep(process: str) -> threading.Event:
    """Measure for as long as the interpreter runs; the event says that it was measured once."""
    measured = threading.Event()
    arguments = (process, measured)
    threading.Thread(target=_for_ever, args=arguments, name="clock", daemon=True).start()
    return measured


def _for_ever(process: str, measured: threading.Event) -> None:
    while True:
        try:
            tell(process, clock.measure())
            measured.set()
        except Error as error:
            log.warning("the clock could not be compared", extra={"error": str(error)})
        finally:
            connection.close()
        time.sleep(EVERY)


def tell(process: str, skew: float) -> None:
    """Raise or clear this process's alert, and clear those of processes that are gone."""
    name = f"{process}@{gethostname()}"
    if abs(skew) > clock.WRONG_ABOVE:
        raise_alert(AlertKind.CLOCK, subject=name, text=words(name, skew))
    else:
        clear_alert(AlertKind.CLOCK, subject=name)
    gone = Alert.objects.filter(kind=AlertKind.CLOCK, cleared_at=None)
    gone.filter(last_raised_at__lt=clock.now() - GONE_AFTER).update(
        cleared_at=clock.now(), cleared_by="system"
    )


def words(name: str, skew: float) -> str:
    """Whose clock is how wrong, and what to do."""
    return f"The clock of {name} is {skew:+.1f} s off the database's: start its machine's time service."


def told() -> list[str]:
    """What is open of every process whose clock is wrong, broker workers included."""
    ours = Q(kind=AlertKind.CLOCK) | Q(kind=AlertKind.SESSION, subject=SUBJECT)
    return list(Alert.objects.filter(ours, cleared_at=None).order_by("id").values_list("text", flat=True))
