"""The one error of the local stack."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on. Its message is one sentence: what is wrong and what to do."""
