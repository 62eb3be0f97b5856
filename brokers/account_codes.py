"""What the code of an account says."""

from __future__ import annotations


def is_paper(account: str) -> bool:
    """Whether it is of a paper login: those begin with D, as DU1234567 or an advisor's master DF1000."""
    return account.startswith("D")
