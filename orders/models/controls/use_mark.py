"""By which a reader knows whether what it read of an owner's use still stands."""

from __future__ import annotations

from django.db import models


class UseMark(models.Model):
    """How often more was asked of the limits of one owner: an account, the firm, a strategy or a user.

    Whoever records on top of the owner's use moves its mark in the same transaction, and so waits for those
    who did before. Who has read the use with the mark may record without waiting, if the mark has not moved.
    """

    owner = models.CharField(max_length=160, primary_key=True)
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.owner
