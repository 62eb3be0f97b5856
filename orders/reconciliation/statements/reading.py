"""One file, read whole or not at all: its statements stored, then each compared with our books."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any

from django.db import transaction

from brokers.models import BrokerAccount
from brokers.postgres import clock, storable
from orders.models.middle_office.statement import Statement
from orders.reconciliation.statements import comparison
from orders.reconciliation.statements.files import Begin, NoStatement, Row, Section, read
from orders.reconciliation.statements.rows import Stored, stored, strange_words
from orders.reconciliation.statements.storing import store
from orders.reconciliation.statements.vocabulary import COMPARED, PASSED, SUMS, Unreadable, a_date, a_time

BATCH = 1000
KINDS = ("AF", "TCF")
#: Details of rows that repeat others in parts or as sums.
DETAIL = {
    "Trades": "EXECUTION",
    "TradeConfirms": "EXECUTION",
    "OpenPositions": "SUMMARY",
    "CashTransactions": "DETAIL",
}
MOST_UNREADABLE = 50  # told one by one
MOST_WORDS = 50


@dataclass(kw_only=True)
class Outcome:
    """What became of one statement of a file, for whoever had it read."""

    account: str
    from_date: date
    to_date: date
    text: str
    rows: int = 0
    differences: list[str] = field(default_factory=list)


def read_statement(
    source: IO[bytes], *, name: str, by: str, accounts: Collection[str] | None = None
) -> list[Outcome]:
    """Read a file in and compare it; twice changes nothing. Raises NoStatement: nothing was stored then.

    `source` can be rewound; `by` is who had it read, as the audit names people; `accounts` are the person's,
    None for all: statements of others are not read.
    """
    file = _File(name=storable.text(name, 200), sha256=_digest(source), by=by, accounts=accounts)
    with transaction.atomic():
        parts = list(file.store(source))
    if not parts:
        raise NoStatement("The file holds no statement.")
    for part in parts:
        if part.statement:
            part.outcome.differences = comparison.compare(part.statement)
    return [part.outcome for part in parts]


def _digest(source: IO[bytes]) -> str:
    found = hashlib.sha256()
    while chunk := source.read(2**20):
        found.update(chunk)
    source.seek(0)
    return found.hexdigest()


@dataclass(kw_only=True)
class _Part:
    """One statement while it is read: `takes` its rows, unless it is nobody's or older than what we have."""

    outcome: Outcome
    statement: Statement | None = None
    takes: bool = False
    section: str = ""
    sections: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    batch: list[Stored] = field(default_factory=list)

    def add(self, told: Section | Row) -> None:
        """Take what the file says next."""
        if not self.takes or self.statement is None:
            return
        if isinstance(told, Section):
            self.section = told.name
            self.sections[told.name] += 0
            if told.name not in COMPARED and told.name not in PASSED:
                self._new(f"section {told.name}")
        elif told.section in COMPARED:
            self._row(told, self.statement)

    def _row(self, row: Row, statement: Statement) -> None:
        if row.tag not in COMPARED[row.section]:
            if row.tag not in SUMS:
                self._new(f"row {row.section}/{row.tag}")
            return
        wanted = DETAIL.get(row.section, "")
        if wanted and row.values.get("levelOfDetail", wanted) not in (wanted, ""):
            return
        self._new(*strange_words(row))
        try:
            kept = stored(row, self.outcome.to_date)
        except Unreadable as error:
            self._cannot_read(row, error)
            return
        self.batch.append({**kept, "statement_id": statement.pk})
        self.sections[row.section] += 1
        self.outcome.rows += 1
        if len(self.batch) >= BATCH:
            self.flush()

    def _new(self, *words: str) -> None:
        """Count what nobody has told us of; a file of noise ends as one entry, not a break for each word."""
        for word in words:
            known = word in self.unknown or len(self.unknown) < MOST_WORDS
            self.unknown[word if known else "more words than anybody reads"] += 1

    def _cannot_read(self, row: Row, error: Unreadable) -> None:
        self._new(f"unreadable rows of {row.section}")
        if len(self.unreadable) < MOST_UNREADABLE:
            self.unreadable.append({"why": str(error), "row": storable.text(str(row.values), 2000)})

    def flush(self) -> None:
        """Store what was read; of two rows with one key the first is kept, and counted as such."""
        store(self.batch)
        self.batch.clear()

    def end(self) -> None:
        """The statement is read: keep what it held."""
        if self.statement and self.takes:
            self.flush()
            if twice := self.outcome.rows - self.statement.rows.count():
                self.unknown["rows whose key another row has"] += twice
            self.statement.sections = dict(self.sections)
            self.statement.unknown = {"words": dict(self.unknown), "unreadable": self.unreadable}
            self.statement.save(update_fields=["sections", "unknown"])


@dataclass(frozen=True, kw_only=True)
class _File:
    name: str
    sha256: str
    by: str
    accounts: Collection[str] | None

    def store(self, source: IO[bytes]) -> Iterator[_Part]:
        """Its statements, each once it is stored. Inside a transaction of the caller."""
        part: _Part | None = None
        for told in read(source):
            if isinstance(told, Begin):
                if part:
                    part.end()
                    yield part
                part = self._begin(told)
            elif part:
                part.add(told)
        if part:
            part.end()
            yield part

    def _begin(self, told: Begin) -> _Part:
        kind, values = told.kind or "AF", told.values
        if kind not in KINDS:
            raise NoStatement(
                f"The file is of type {kind!r}; AF (activity) and TCF (trade confirmation) are read."
            )
        days = _day(values, "fromDate"), _day(values, "toDate")
        code = storable.text(values.get("accountId", ""), 32)
        outcome = Outcome(account=code or "-", from_date=days[0], to_date=days[1], text="")
        account = BrokerAccount.objects.filter(pk=code).first()
        if account is None or (self.accounts is not None and code not in self.accounts):
            outcome.text = (
                "rows of several accounts together, which were not read: they are in no one's books"
                if code in ("", "-")
                else "no account of ours, or not of yours, so it was not read"
            )
            return _Part(outcome=outcome)
        return self._of_account(account, told, kind, outcome)

    def _of_account(self, account: BrokerAccount, told: Begin, kind: str, outcome: Outcome) -> _Part:
        made = told.values.get("whenGenerated", "")
        try:
            generated = a_time(made) if made else clock.now()
        except Unreadable as error:
            raise NoStatement(f"whenGenerated: {error}") from None
        days: dict[str, Any] = {
            "account": account,
            "query": storable.text(told.query, 100),
            "kind": kind,
            "from_date": outcome.from_date,
            "to_date": outcome.to_date,
        }
        same = Statement.objects.select_for_update().filter(**days, replaced=False)
        known = same.first()
        if known and (known.generated_at >= generated or known.file_sha256 == self.sha256):
            newer = known.generated_at > generated
            outcome.text = "older than what was read before" if newer else "read before; compared again"
            return _Part(outcome=outcome, statement=known)
        same.update(replaced=True)
        outcome.text = "read; it replaces an older one" if known else "read"
        statement = Statement.objects.create(
            **days,
            generated_at=generated,
            file_name=self.name,
            file_sha256=self.sha256,
            read_by=self.by,
        )
        return _Part(outcome=outcome, statement=statement, takes=True)


def _day(values: dict[str, str], name: str) -> date:
    if not values.get(name):
        raise NoStatement(f"A FlexStatement has no {name}.")
    try:
        return a_date(values[name])
    except Unreadable as error:
        raise NoStatement(f"{name}: {error}") from None
