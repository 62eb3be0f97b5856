"""All rules on an intention with what its scopes do already: one report for every door. Pure."""

from __future__ import annotations

from orders.risk.exposure import Valuation, exposure_checks
from orders.risk.intention import Intention
from orders.risk.overrides import with_warnings
from orders.risk.report import CheckResult
from orders.risk.states import reduce_checks
from orders.risk.use import Use, on_what_stands, use_checks


def intention_checks(
    intention: Intention, use: Use, valuation: Valuation, *, recorded: bool = False
) -> list[CheckResult]:
    """What every set that binds it says; of a `recorded` one without the rules on how it came."""
    found = []
    for limits in intention.limits:
        asked = on_what_stands(limits) if recorded else limits
        found += use_checks(intention, asked, use)
        found += exposure_checks(intention, asked, use, valuation)
    meant = intention.orders[0].content
    own = with_warnings(found, intention.limits, meant, intention.overrides)
    return [*own, *reduce_checks(intention, use)]
