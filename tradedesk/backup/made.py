"""When the database was last backed up, as the database itself knows it.

Only the process that makes backups sees their folder; everybody who sees the database can ask how old the
last one is. A restored database knows of the one before it.
"""

from __future__ import annotations

from datetime import datetime

from orders.controls.audit.acting import at_shell, record
from orders.models import AuditRecord
from tradedesk.backup.manifest import Manifest

KIND = "backup.made"


def note(made: Manifest) -> None:
    """Keep in the audit that a backup was made, and by which checksum it is known."""
    facts = {"made_at": made.made_at.isoformat(), "bytes": made.bytes, "sha256": made.sha256}
    record(KIND, at_shell("", "backup"), subject=f"backup:{made.folder.name}", new=facts)


def last_made() -> datetime | None:
    """When the newest backup was begun; None when nobody ever made one."""
    last = AuditRecord.objects.filter(kind=KIND).order_by("-id").first()
    return datetime.fromisoformat(last.new["made_at"]) if last and last.new else None
