"""Which ClOrdIDs a client has used, whatever for. Written by triggers of the database alone."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class UsedId(models.Model):
    """One ClOrdID of a client: of an order, a sliced order, a cancel or a replace."""

    pk = models.CompositePrimaryKey("client", "cl_ord_id")
    client = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    cl_ord_id = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.cl_ord_id
