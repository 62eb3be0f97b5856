"""Account values as the broker reports them."""

from __future__ import annotations

from brokers.messages import Snapshot
from brokers.models import AccountValue, BrokerAccount
from brokers.postgres import storable
from orders.reconciliation.reported import store_reported


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
    store_reported(AccountValue, rows, ["account", "key", "currency"], ["value"])
