"""Account values as the broker reports them."""

from __future__ import annotations

from brokers.messages import Snapshot
from brokers.models import AccountValue, BrokerAccount


def store_snapshot(snapshot: Snapshot) -> None:
    """Store the values of a look."""
    known = set(BrokerAccount.objects.values_list("code", flat=True))
    rows = [
        AccountValue(
            account_id=report.account,
            key=report.key,
            currency=report.currency,
            value=report.value,
            reported_at=snapshot.finished_at,
        )
        for report in snapshot.account_values
        if report.account in known
    ]
    AccountValue.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "key", "currency"],
        update_fields=["value", "reported_at"],
    )
