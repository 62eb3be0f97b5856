"""The published tables of order kinds are the code's."""

from __future__ import annotations

from django.conf import settings

from brokers.fix import OrdType
from brokers.ib.translate import ORDER_TYPES
from brokers.order_attributes import ConditionKind
from orders.risk.form.kinds import ALGOS, CONDITIONS, KINDS
from tradedesk.management.commands.drawkinds import HINTS, document_path, redrawn


def test_the_document_of_kinds_is_up_to_date() -> None:
    text = document_path().read_text()
    assert text == redrawn(text), "run `manage.py drawkinds`"


def test_every_kind_has_its_rules_and_its_words_at_the_broker() -> None:
    assert set(KINDS) == set(ORDER_TYPES) == set(OrdType)
    assert set(settings.MAX_AGE) == set(OrdType)  # how long it stays fresh
    assert set(CONDITIONS) == set(HINTS) == set(ConditionKind)
    assert ALGOS
