"""What a backup says of itself, and how it is proven to be whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

FORMAT = 1
PRODUCT = "tradedesk"
MANIFEST, DUMP = "manifest.json", "database.dump"
#: What a folder is called while it is written: nobody takes it for a backup.
UNFINISHED = ".unfinished"


class BackupInvalid(Exception):
    """This is no backup that can be restored here; says why."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is in a backup. `txid` is above the id of every transaction in it."""

    made_at: datetime
    version: str
    postgres: int
    database: str
    migrations: list[str]
    counts: dict[str, int]
    sessions: list[str]
    txid: int
    bytes: int
    sha256: str
    audit_head: dict[str, Any] | None = None
    format: int = FORMAT
    product: str = PRODUCT
    folder: Path = field(default=Path(), compare=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest in a folder; BackupInvalid when there is none that we understand."""
        try:
            told = json.loads((folder / MANIFEST).read_text())
        except FileNotFoundError:
            raise BackupInvalid(f"There is no backup in {folder}: it has no {MANIFEST}.") from None
        except (OSError, ValueError) as error:
            raise BackupInvalid(f"{folder / MANIFEST} cannot be read: {error}") from None
        if not isinstance(told, dict) or told.get("product") != PRODUCT:
            raise BackupInvalid(f"{folder} holds a backup of something else, not of {PRODUCT}.")
        if told.get("format") != FORMAT:
            raise BackupInvalid(
                f"{folder} was written in format {told.get('format')}, this version reads {FORMAT}: use the "
                f"version that made it ({told.get('version', 'unknown')})."
            )
        try:
            return cls(**{**told, "made_at": datetime.fromisoformat(told["made_at"]), "folder": folder})
        except (TypeError, KeyError, ValueError) as error:
            raise BackupInvalid(f"{folder / MANIFEST} is damaged: {error}") from None

    def write(self, folder: Path) -> None:
        """Write it beside the dump."""
        told = {**asdict(self), "made_at": self.made_at.isoformat()}
        del told["folder"]
        (folder / MANIFEST).write_text(json.dumps(told, indent=2) + "\n")

    @property
    def dump(self) -> Path:
        """The dump that it describes."""
        return self.folder / DUMP

    def require_whole(self) -> None:
        """Raise BackupInvalid unless the dump is, byte for byte, the one that was written."""
        try:
            size = self.dump.stat().st_size
        except OSError:
            raise BackupInvalid(f"{self.folder} is incomplete: {DUMP} is missing.") from None
        if size != self.bytes:
            raise BackupInvalid(f"{self.dump} has {size} bytes, {self.bytes} were written: it is incomplete.")
        if digest(self.dump) != self.sha256:
            raise BackupInvalid(f"{self.dump} is not what was written: its checksum differs.")


def digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def newest(folder: Path) -> Manifest | None:
    """The newest backup in a folder, which may itself be one; None when there is none."""
    if (folder / MANIFEST).exists():
        return Manifest.read(folder)
    found = [
        Manifest.read(each.parent) for each in folder.glob(f"*/{MANIFEST}") if not unfinished(each.parent)
    ]
    return max(found, key=lambda each: each.made_at, default=None)


def unfinished(folder: Path) -> bool:
    """Whether a backup was broken off here."""
    return folder.name.endswith(UNFINISHED)


def name_at(moment: datetime) -> str:
    """The folder of a backup that is made at this moment."""
    return f"{PRODUCT}-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
