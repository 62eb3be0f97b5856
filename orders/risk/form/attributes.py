"""Rules of conditions and of the broker's algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from brokers.order_attributes import MAX_CONDITIONS, Algo, ConditionKind, TradingCondition
from orders.risk.form.contract import Errors
from orders.risk.form.kinds import (
    ALGO_FIELDS,
    ALGO_TIMES,
    ALGO_TYPES,
    ALGOS,
    CONDITION_FIELDS,
    CONDITIONS,
    PARTICIPATION,
    Parameters,
)
from orders.risk.terms import OrderTerms


def check_conditions(errors: Errors, terms: OrderTerms, now: datetime) -> None:
    """Each condition has the fields of its kind; errors are named `conditions.0.value`."""
    if len(terms.conditions) > MAX_CONDITIONS:
        errors["conditions"].append(f"At most {MAX_CONDITIONS} conditions.")
    for number, condition in enumerate(terms.conditions):
        path = f"conditions.{number}"
        _check_fields(errors, path, condition, condition.kind, CONDITIONS[condition.kind], CONDITION_FIELDS)
        _check_value(errors, path, condition, now)


def _check_value(errors: Errors, path: str, condition: TradingCondition, now: datetime) -> None:
    value = condition.value
    if condition.time is not None and condition.time <= now:
        errors[f"{path}.time"].append(f"{condition.time.isoformat()} is in the past.")
    if value is None:
        return
    if condition.kind in (ConditionKind.PRICE, ConditionKind.VOLUME) and value <= 0:
        errors[f"{path}.value"].append("Must be above zero.")
    whole = condition.kind in (ConditionKind.VOLUME, ConditionKind.MARGIN)
    if whole and value != int(value):
        errors[f"{path}.value"].append("Must be a whole number.")
    if condition.kind is ConditionKind.MARGIN and not 0 <= value <= 100:
        errors[f"{path}.value"].append("Must be a percentage, 0 to 100.")


def check_algo(errors: Errors, terms: OrderTerms, now: datetime) -> None:
    """The algorithm has the parameters of its strategy, and goes with the order."""
    algo = terms.algo
    if algo is None:
        return
    if terms.ord_type not in ALGO_TYPES:
        errors["algo"].append(f"An algorithm works {' and '.join(ALGO_TYPES)} orders, not {terms.ord_type}.")
    if terms.time_in_force not in ALGO_TIMES:
        errors["algo"].append(f"An algorithm works DAY orders, not {terms.time_in_force}.")
    _check_fields(errors, "algo", algo, algo.strategy, ALGOS[algo.strategy], ALGO_FIELDS)
    _check_schedule(errors, algo, now)
    low, high = PARTICIPATION
    if algo.participation_rate is not None and not low <= algo.participation_rate <= high:
        errors["algo.participation_rate"].append(f"Must be {low} to {high} percent of the volume.")


def _check_schedule(errors: Errors, algo: Algo, now: datetime) -> None:
    if algo.end_time is None:
        return
    if algo.end_time <= now:
        errors["algo.end_time"].append(f"{algo.end_time.isoformat()} is in the past.")
    elif algo.start_time is not None and algo.start_time >= algo.end_time:
        errors["algo.end_time"].append("Must be after start_time.")


def _check_fields(
    errors: Errors,
    path: str,
    part: TradingCondition | Algo,
    name: str,
    parameters: Parameters,
    fields: Sequence[str],
) -> None:
    given = {field for field in fields if _is_given(getattr(part, field))}
    for field in parameters.needs:
        if field not in given:
            errors[f"{path}.{field}"].append(f"{name} needs {field}.")
    for field in sorted(given - {*parameters.needs, *parameters.may}):
        errors[f"{path}.{field}"].append(f"{name} takes no {field}.")


def _is_given(value: object) -> bool:
    """Zero percent and a "no" are values; no text and no con_id are none."""
    return value is not None and value != "" and not (value == 0 and type(value) is int)
