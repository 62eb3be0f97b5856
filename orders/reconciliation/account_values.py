"""Account values as the broker reports them."""

from __future__ import annotations

from brokers import storable
from brokers.messages import Snapshot
from brokers.models import AccountValue, BrokerAccount


def store_snapshot(snapshot: Snapshot) -> None:
    """Store the values of a look; of one that is told twice, the last."""
    known = set(BrokerAccount.objects.values_list("code", flat=True))
    rows = [
        AccountValue(
            account_id=report.account,
            key=storable.key(report.key, 64),
            currency=storable.text(report.currency, 8),
            value=storable.text(report.value, 64),
            reported_at=snapshot.finished_at,
        )
        for report in snapshot.account_values
        if report.account in known
    ]
    AccountValue.objects.bulk_create(
        {(row.account_id, row.key, row.currency): row for row in rows}.values(),
        update_conflicts=True,
        unique_fields=["account", "key", "currency"],
        update_fields=["value", "reported_at"],
    )
