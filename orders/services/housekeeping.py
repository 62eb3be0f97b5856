"""Forgetting what nobody will ask for again. Orders, executions and events stay."""

from __future__ import annotations

from orders.services import baseline, idempotency, profits, questions, reconciliation
from orders.services.webhooks.desk import forget_old_deliveries


def tidy() -> dict[str, int]:
    """What was deleted or carried forward, by kind."""
    return {
        "reconciliation_runs": reconciliation.forget_old_runs(),
        "baselines": baseline.carry_forward(),
        "profit_points": profits.forget_old_points(),
        "questions": questions.forget_old(),
        "idempotency_keys": idempotency.forget_old_keys(),
        "webhook_deliveries": forget_old_deliveries(),
    }
