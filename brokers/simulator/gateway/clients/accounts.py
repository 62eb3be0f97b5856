"""Who is logged in: the accounts that the gateway names and shows."""

from __future__ import annotations


class LoggedIn:
    """The accounts of the present login; those of the first one are what the gateway was started with."""

    def __init__(self, accounts: tuple[str, ...]) -> None:
        self._first = self.accounts = accounts

    def change(self, accounts: tuple[str, ...]) -> None:
        """Somebody else logs in; none named is the first login again."""
        self.accounts = accounts or self._first

    @property
    def is_another(self) -> bool:
        """Whether it is not the login that the gateway was started with."""
        return self.accounts != self._first

    def shows(self, account: str) -> bool:
        """Whether orders and positions of this account are shown to this login."""
        return not self.is_another or account in self.accounts
