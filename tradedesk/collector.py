"""What a process that works for weeks asks of Python's garbage collector."""

from __future__ import annotations

import gc


def start_up_is_over() -> None:
    """What is there now stays: nobody need look through it while an order waits.

    The last line is for memory. A full collection waits until what is new is a quarter of what the last one
    looked through, and `freeze` does not change that number: garbage waited until it was a quarter of Django.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
