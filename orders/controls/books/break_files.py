"""Documents that people put to a break: of a few harmless kinds, bounded, kept with their digest.

What a file is is read from its own bytes, never believed from its name. It goes out as a download only, and
only while it is what was put in.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from django.contrib.auth.models import User
from django.db import transaction

from orders.errors import OrderError
from orders.models import Break, BreakFile
from orders.reconciliation import breaks

MAX_BYTES = 5_000_000
MAX_FILES = 20
LONGEST_NAME = 120
#: How files of each kind begin.
BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"PK\x03\x04": "application/zip",  # workbooks are such
}
TEXT = "text/plain; charset=utf-8"
#: How names of each kind end, the first of them where one ends otherwise: a name that lies about its kind
#: would be opened as what it says, a page with its scripts or a workbook with its macros.
ENDINGS = {
    "application/pdf": (".pdf",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "application/zip": (".zip", ".xlsx", ".ods", ".docx", ".odt"),
    TEXT: (".txt", ".csv", ".log", ".eml", ".md"),
}


class FileRefused(OrderError):
    """The file cannot be kept, and why."""

    code = "INVALID"


@transaction.atomic
def attach(break_id: int, *, user: User, name: str, content: bytes) -> BreakFile:
    """Keep a document with a break; the same again is kept once.

    Raises FileRefused, NotAllowed, BreakClosed and Break.DoesNotExist.
    """
    kind = media_type(content)
    row = breaks.note_break(break_id, user=user, text=f"A file: {plain_name(name, kind)}")
    digest = hashlib.sha256(content).hexdigest()
    if known := row.files.filter(sha256=digest).first():
        return known
    if row.files.count() >= MAX_FILES:
        raise FileRefused(f"A break has {MAX_FILES} files at the most.")
    return BreakFile.objects.create(
        parent=row,
        name=plain_name(name, kind),
        media_type=kind,
        size=len(content),
        sha256=digest,
        content=content,
        by=f"desk:{user.get_username()}",
    )


def content_of(file: BreakFile) -> bytes:
    """What was put in; raises FileRefused where it is another."""
    content = bytes(file.content)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise FileRefused("The file is not what was put in: its digest differs.")
    return content


def media_type(content: bytes) -> str:
    """What a file is by its bytes; raises FileRefused for what is none of the kinds."""
    if not content:
        raise FileRefused("The file is empty.")
    if len(content) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES:,} bytes.")
    for beginning, kind in BEGINNINGS.items():
        if content.startswith(beginning):
            return kind
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise FileRefused("Files are PDF, PNG, JPEG, workbooks or plain text.")
    return TEXT


def plain_name(name: str, kind: str) -> str:
    """The last part of a name, without what a shell or a header could misread; it ends as its kind does."""
    last = PurePath(name.replace("\\", "/")).name
    plain = re.sub(r"[^\w. ()-]", "_", last, flags=re.ASCII).strip(" .") or "file"
    if not plain.lower().endswith(ENDINGS[kind]):
        plain += ENDINGS[kind][0]
    return plain[-LONGEST_NAME:]


def files_of(row: Break) -> list[BreakFile]:
    """Its files without their content."""
    return list(row.files.defer("content"))
