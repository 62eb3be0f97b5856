"""The ruleset's version: by it a process knows whether the rules that it remembers are still in force."""

from __future__ import annotations

import uuid

from django.db import models

#: The version of an empty ruleset.
NO_RULESET = uuid.UUID(int=0)


class Ruleset(models.Model):
    """One row. Triggers in the database give it a new version with every change of the rules.

    Rules are accounts, instruments (all but their last price), limits, and which instruments an account may
    trade. An order is recorded only while the version by which it was checked is in force.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.UUIDField(default=uuid.uuid4, db_column="edition")

    class Meta:
        db_table = "orders_rulebook"  # its triggers name it

    def __str__(self) -> str:
        return str(self.version)
