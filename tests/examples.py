"""How many examples the property tests try: a few in `make test`, many times as many in `make soak`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest
from django.db import transaction
from hypothesis import settings

#: Set by .ci/soak to what each number of examples is multiplied with.
VARIABLE = "TRADEDESK_TEST_DEPTH"
DEPTH = int(os.environ.get(VARIABLE, "1"))
#: For those who say no number; none has to end within a time, a machine may be busy.
settings.register_profile("ours", max_examples=25 if DEPTH == 1 else 100 * DEPTH, deadline=None)
settings.load_profile("ours")


def examples(count: int, *like: settings, **more: Any) -> settings:
    """So many examples of each property (else `like` others), however long one takes on a busy machine.

    `make test` is content with a third of them; what it finds only now and then, `make soak` finds.
    """
    return settings(*like, max_examples=count // 3 if DEPTH == 1 else count * DEPTH, deadline=None, **more)


def each_taken_back(test: Callable[..., None]) -> Callable[..., None]:
    """A property whose examples share one transaction: rows that one leaves make all later ones slower.

    In a transaction no version of a row is vacuumed, and an unlucky plan reads them all for each row.
    """

    @wraps(test)
    def example(*args: Any, **named: Any) -> None:
        with transaction.atomic():
            test(*args, **named)
            transaction.set_rollback(True)

    return example


def more_in_soak(quick: Iterable[Any], later: Iterable[Any]) -> list[Any]:
    """Parameters of a test: those of `make test`, and those for which only `make soak` has the time."""
    marked = (one if isinstance(one, tuple) else (one,) for one in later)
    return [*quick, *(pytest.param(*one, marks=pytest.mark.soak) for one in marked)]


def one_in(number: int, parameters: Iterable[Any]) -> list[Any]:
    """Parameters of a test, many of a kind: one in so many in `make test`, all others in `make soak`."""
    every = list(parameters)
    return more_in_soak(every[::number], [one for at, one in enumerate(every) if at % number])
