"""The small part of PromQL in which our alerts are written: one selector compared with one number."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

EXPRESSION = re.compile(
    r"(?P<name>[a-z_:0-9]+)(?:\{(?P<labels>[^}]*)\})? (?P<sign>==|>|<) (?P<number>[\d.]+)"
)
LABEL = re.compile(r'(?P<name>\w+)="(?P<value>[^"]*)"')
SIGNS: dict[str, Callable[[float, float], bool]] = {"==": operator.eq, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A parsed expression."""

    name: str
    labels: dict[str, str]
    sign: str
    number: float

    def fires(self, exposed: str) -> list[dict[str, str]]:
        """The label sets of the exposed samples for which it holds."""
        return [
            sample.labels
            for family in text_string_to_metric_families(exposed)
            for sample in family.samples
            if sample.name == self.name
            and self.labels.items() <= sample.labels.items()
            and SIGNS[self.sign](sample.value, self.number)
        ]


def parse(expression: str) -> Condition:
    """A condition; AssertionError for one that is not of this form."""
    found = EXPRESSION.fullmatch(expression)
    assert found, f"not a selector compared with a number: {expression}"
    labels = {label["name"]: label["value"] for label in LABEL.finditer(found["labels"] or "")}
    return Condition(name=found["name"], labels=labels, sign=found["sign"], number=float(found["number"]))
