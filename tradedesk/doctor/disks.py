"""How full the disks are: a full one of logs harms no order, and hides what does; PostgreSQL's stops all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from django.conf import settings

from tradedesk.doctor.findings import Finding, fail, ok, warn
from tradedesk.env import data_dir

ROOM_WARN, ROOM_FAIL = 0.05, 0.01  # of a disk


def examine() -> Iterator[Finding]:
    """Each disk once on which a folder of ours is that this process sees."""
    folders = [data_dir(), data_dir() / "logs", settings.BACKUPS, settings.ARCHIVE, settings.AUDIT_ANCHORS]
    by_disk = {folder.stat().st_dev: folder for folder in folders if folder and folder.is_dir()}
    for folder in by_disk.values():
        disk = shutil.disk_usage(folder)
        text, do = f"{disk.free / disk.total:.0%} of the disk of {folder} is free", "Make room on it."
        if disk.free >= disk.total * ROOM_WARN:
            yield ok("disk", text)
        else:
            yield (fail if disk.free < disk.total * ROOM_FAIL else warn)("disk", text, do)
