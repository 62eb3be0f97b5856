"""Scopes of controls: whom a limit or a trading state binds. Pure."""

from __future__ import annotations

from enum import StrEnum

FIRM = "firm"


class ScopeKind(StrEnum):
    """What a scope is about; written `firm`, else `kind:name`."""

    FIRM = FIRM
    ACCOUNT = "account"
    STRATEGY = "strategy"
    USER = "user"
    SESSION = "session"


def scope_text(kind: ScopeKind, name: str = "") -> str:
    """The scope as it is stored and written."""
    return FIRM if kind == ScopeKind.FIRM else f"{kind}:{name}"


def is_account(scope: str) -> bool:
    """Whether a written scope is that of an account."""
    return scope.startswith(f"{ScopeKind.ACCOUNT}:")


def parse_scope(text: str) -> tuple[ScopeKind, str]:
    """The kind and the name of a written scope; raises ValueError with words for a person."""
    kind, colon, name = text.partition(":")
    if text == FIRM:
        return ScopeKind.FIRM, ""
    if not colon or not name or kind == FIRM or kind not in list(ScopeKind):
        raise ValueError(f"{text!r} is no scope: write firm, account:X, strategy:X, user:X or session:X.")
    return ScopeKind(kind), name
