"""Which accounts exist and which session carries each, and the desk's first password (`manage.py seed`)."""

from __future__ import annotations

import re

from django.core.exceptions import ImproperlyConfigured

from tradedesk import env


def parse_accounts(text: str, sessions: list[str]) -> dict[str, str]:
    """Session by account code, from "CODE, CODE@session, ..."; the first session carries the rest.

    Raises ImproperlyConfigured naming the variable. An account named twice would be carried by whichever
    session stands last.
    """
    accounts: dict[str, str] = {}
    for part in text.split(","):
        code, _, session = part.strip().partition("@")
        session = session or ("main" if "main" in sessions else sessions[0])
        if not re.fullmatch(r"[A-Za-z0-9]{1,32}", code) or session not in sessions:
            raise ImproperlyConfigured(
                f"TRADEDESK_ACCOUNTS is wrong: expected CODE or CODE@session with a known session, "
                f"not {part.strip()!r}."
            )
        if code in accounts:
            raise ImproperlyConfigured(f"TRADEDESK_ACCOUNTS is wrong: {code} is named twice.")
        accounts[code] = session
    return accounts


ACCOUNTS = parse_accounts(
    env.read(env.env.str, "TRADEDESK_ACCOUNTS", "DU1234567"), list(env.broker_sessions())
)
DESK_PASSWORD = env.read(env.env.str, "TRADEDESK_DESK_PASSWORD", "")
APPROVER_PASSWORD = env.read(env.env.str, "TRADEDESK_APPROVER_PASSWORD", "")
