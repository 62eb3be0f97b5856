"""What needs two persons is a setting of the machine: whoever changes it there is told of here.

No second person can be asked for an environment variable. So each process that decides by it keeps what it
found, in the audit, and tells people when less needs two than before.
"""

from __future__ import annotations

from functools import cache

from django.conf import settings

from orders.controls.audit.acting import Acting, record
from orders.models import AlertKind, AuditRecord
from orders.notify.alerts import raise_alert

SUBJECT = "setting:TRADEDESK_FOUR_EYES"


@cache
def note_four_eyes() -> None:
    """Once in a process: keep the setting where it differs from what was found last."""
    note(sorted(settings.FOUR_EYES))


def note(words: list[str]) -> None:
    """Keep it, and tell people what needs one person only from now on."""
    last = AuditRecord.objects.filter(subject=SUBJECT, kind="setting").order_by("-id").first()
    before: list[str] | None = last.new["needs_two"] if last and last.new else None
    if before == words:
        return
    record(
        "setting",
        Acting(person="", via="settings", reason="found at the start of a process"),
        subject=SUBJECT,
        old=None if before is None else {"needs_two": before},
        new={"needs_two": words},
    )
    if left := sorted(set(before or ()) - set(words)):
        text = f"TRADEDESK_FOUR_EYES was changed: one person alone may do from now on: {', '.join(left)}."
        raise_alert(AlertKind.FOUR_EYES, text=text, subject=SUBJECT)
