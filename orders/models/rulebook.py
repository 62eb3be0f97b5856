"""The rulebook's edition: by it a process knows whether the rules that it remembers are still in force."""

from __future__ import annotations

import uuid

from django.db import models

#: Stands for the edition of an empty rulebook.
NO_EDITION = uuid.UUID(int=0)


class Rulebook(models.Model):
    """One row. Triggers in the database give it a new edition with every change of the rules.

    Rules are accounts, instruments (all but their last price), limits, and which instruments an account may
    trade. An order is recorded only while the edition by which it was checked is in force.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    edition = models.UUIDField(default=uuid.uuid4)

    def __str__(self) -> str:
        return str(self.edition)
