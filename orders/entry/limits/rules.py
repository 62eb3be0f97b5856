"""Where an order leads: account, instrument and limits, remembered while they are in force.

The look-up would cost each order three queries. What it finds changes when a person changes it, so each
process remembers it together with the version of the ruleset, and the statement that records an order
requires that this version is still in force (`store.orders.record_orders`): a changed limit holds for the
very next order, at no further round trip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from brokers.models import BrokerAccount, Instrument
from orders.entry.limits.known_use import UseMemory
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import InstrumentUnknown, TicketInvalid
from orders.instruments.contracts import contracts_of
from orders.models import AccountLimit, InstrumentRestriction, ScopeLimit
from orders.models.controls.ruleset import NO_RULESET, Ruleset
from orders.risk.catalogue import FIELDS, LimitSet, Unit
from orders.risk.restrictions import Effect, Restriction
from orders.risk.scopes import FIRM, ScopeKind, scope_text
from orders.risk.states import InForce, States, strictest
from orders.store import advisors
from orders.store.states import read_states

#: What tells instruments of one symbol apart.
TELLING = ("maturity", "strike_price", "put_or_call", "local_symbol", "trading_class", "primary_exchange")


@dataclass(frozen=True, kw_only=True)
class OrderContext:
    """Where a ticket leads: the rows it names, by a version of the ruleset. Shared: never change them."""

    account: BrokerAccount
    instrument: Instrument
    instrument_allowed: bool
    #: The sets that bind the order, its account's first; empty for an account that may order nothing.
    limits: tuple[LimitSet, ...]
    #: The trading state that the order is under; None when it is ACTIVE.
    in_force: InForce | None
    #: Of a group order: the strictest state of the accounts that share it; None when all are ACTIVE.
    shared_in_force: InForce | None = None
    ruleset_version: UUID


@dataclass(frozen=True, kw_only=True)
class AccountRules:
    """An account with its session and limits, and the instruments it may trade."""

    account: BrokerAccount
    allowed: frozenset[int]
    #: All limits of the account; None without a row, so that nothing may be ordered.
    limits: LimitSet | None = None


class Rules:
    """One edition of the rules, read as orders ask for them.

    Safe among threads without a lock: each step is one dictionary operation, the worst race reads twice.
    What is not there is not kept, so strangers' names do not fill the memory.
    """

    def __init__(self, ruleset_version: UUID) -> None:
        self.ruleset_version = ruleset_version
        self._accounts: dict[str, AccountRules] = {}
        self._instruments: dict[InstrumentKey, Instrument] = {}
        self._contracts: dict[int, frozenset[str]] = {}
        self._scopes: dict[str, LimitSet] | None = None
        self._codes: frozenset[str] | None = None
        self._states: States | None = None
        self._watches_quotes: bool | None = None
        #: What orders that are asked by these rules may be granted by.
        self.known_uses = UseMemory()

    @property
    def quote_marks(self) -> Mapping[str, None]:
        """What an order moves that has no limit on use itself, as marks without a version.

        The firm's, where somebody's orders are refused if they would trade with others of the firm: the price
        of this one may meet them.
        """
        watches = self._watches_quotes
        if watches is None:
            watches = self._watches_quotes = read_watches_quotes()
        return {FIRM: None} if watches else {}

    @property
    def states(self) -> States:
        """The trading states."""
        states = self._states
        if states is None:
            states = self._states = read_states()
        return states

    def account(self, code: str) -> AccountRules | None:
        """The rules of an account; None when there is no such account."""
        if code not in self._accounts and (found := read_account(code)):
            self._accounts[code] = found
        return self._accounts.get(code)

    def instrument(self, key: InstrumentKey) -> Instrument | None:
        """The instrument of this description; None when there is none."""
        if key not in self._instruments and (found := read_instrument(key)):
            self._instruments[key] = found
        return self._instruments.get(key)

    def limits_for(self, account: str, strategy: str = "", user: str = "") -> tuple[LimitSet, ...]:
        """The limit sets that bind an intention, the account's first; all of them must hold.

        Empty for an account without limits, which may order nothing. Costs four dictionary look-ups.
        """
        own = self.account(account)
        if own is None or own.limits is None:
            return ()
        if self._scopes is None:
            self._scopes = read_scopes()
        if not self._scopes:
            return (own.limits,)
        names = (FIRM, scope_text(ScopeKind.STRATEGY, strategy), scope_text(ScopeKind.USER, user))
        return (own.limits, *(self._scopes[name] for name in names if name in self._scopes))

    def account_codes(self) -> frozenset[str]:
        """The accounts of the firm."""
        if self._codes is None:
            self._codes = frozenset(BrokerAccount.objects.values_list("pk", flat=True))
        return self._codes

    def exchanges(self, con_id: int) -> frozenset[str]:
        """Where a contract trades, of those that are known here; empty when it is not known."""
        if con_id not in self._contracts and (found := read_exchanges(con_id)):
            self._contracts[con_id] = found
        return self._contracts.get(con_id, frozenset())

    def remember(self, key: InstrumentKey, instrument: Instrument) -> None:
        """The broker says that this description means this instrument."""
        self._instruments[key] = instrument


class RulesCache:
    """The rules in force, as far as this process knows."""

    def __init__(self) -> None:
        self._rules: Rules | None = None

    def rules(self) -> Rules:
        """The rules last known to be in force. The edition is read first: what is read later is not older."""
        rules = self._rules
        if rules is None:
            rules = self._rules = Rules(ruleset_in_force())
        return rules

    def forget_outdated(self) -> bool:
        """Forget what is not in force any more; whether there was something to forget."""
        if self._rules is None or self._rules.ruleset_version == ruleset_in_force():
            return False
        self._rules = None
        return True


rules_cache = RulesCache()


def ruleset_in_force() -> UUID:
    """The version of the ruleset now."""
    return Ruleset.objects.values_list("version", flat=True).first() or NO_RULESET


def read_account(code: str) -> AccountRules | None:
    """An account as it is now."""
    account = BrokerAccount.objects.select_related("session", "limit").filter(pk=code).first()
    if account is None:
        return None
    limit: AccountLimit | None = getattr(account, "limit", None)
    allowed = limit.allowed_instruments.values_list("pk", flat=True) if limit else ()
    return AccountRules(
        account=account,
        allowed=frozenset(allowed),
        limits=limit_set(limit, limit.scope, read_restrictions(limit.scope)) if limit else None,
    )


def read_watches_quotes() -> bool:
    """Whether one of the limits that are set refuses to trade with own orders."""
    rows = (AccountLimit.objects, ScopeLimit.objects)
    return any(row.filter(refuse_self_trade=True).exists() for row in rows)


def read_scopes() -> dict[str, LimitSet]:
    """The limits of firm, strategies and users as they are now; accounts have theirs with them."""
    rows = {row.scope: row for row in ScopeLimit.objects.all()}
    others = InstrumentRestriction.objects.exclude(scope__startswith=f"{ScopeKind.ACCOUNT}:")
    listed = set(others.values_list("scope", flat=True))
    return {scope: limit_set(rows.get(scope), scope, read_restrictions(scope)) for scope in {*rows, *listed}}


def limit_set(
    row: AccountLimit | ScopeLimit | None, scope: str, restrictions: tuple[Restriction, ...] = ()
) -> LimitSet:
    """A row of limits as the rules read it; without a row every limit is off."""
    values = {name: limit_value(row, name) for name in FIELDS if hasattr(row, name)}
    return LimitSet(scope=scope, restrictions=restrictions, **values)


def limit_value(row: AccountLimit | ScopeLimit | None, name: str) -> Any:
    """The value of one limit of a row."""
    value: Any = getattr(row, name, FIELDS[name].off)
    return frozenset(value) if FIELDS[name].unit == Unit.WORDS and value is not None else value


def read_restrictions(scope: str) -> tuple[Restriction, ...]:
    """The restricted and allowed instruments of one scope as they are now."""
    rows = InstrumentRestriction.objects.filter(scope=scope).select_related("instrument")
    return tuple(
        Restriction(
            effect=Effect(row.effect),
            instrument=row.instrument_id,
            contracts=tuple(contracts_of(row.instrument).items()),
            side=row.side,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            reason=row.reason,
        )
        for row in rows
    )


def read_instrument(key: InstrumentKey) -> Instrument | None:
    """An instrument as it is now."""
    if not key.is_exact:
        return None  # only the broker can tell how many it fits
    rows = Instrument.objects.listed().filter(
        sec_type=key.sec_type, exchange=key.exchange, currency=key.currency
    )
    if key.con_id:
        return rows.filter(con_id=key.con_id, symbol=key.symbol).first()
    given = {name: getattr(key, name) for name in TELLING if getattr(key, name)}
    legs = [msgspec.to_builtins(leg) for leg in key.legs]
    found = list(rows.filter(symbol=key.symbol, legs=legs, **given))
    known = [row for row in found if row.is_known] or found  # one that waits for the broker hides no other
    return known[0] if len(known) == 1 else None


def read_exchanges(con_id: int) -> frozenset[str]:
    """The exchanges of a contract as they are now."""
    rows = Instrument.objects.listed().filter(con_id=con_id).values_list("exchange", "exchanges")
    return frozenset(name for own, others in rows for name in (own, *others))


def find_context(ticket: Ticket, user: str) -> OrderContext:
    """The account, instrument and limits of a user's ticket, as they are now; raises TicketInvalid."""
    rules_cache.forget_outdated()
    return context_by(rules_cache.rules(), ticket, user)


def context_by(rules: Rules, ticket: Ticket, user: str) -> OrderContext:
    """The same by rules that are remembered: whoever uses it requires their edition to be in force."""
    account, instrument = rules.account(ticket.account), rules.instrument(ticket.instrument)
    key, errors = ticket.instrument, dict[str, list[str]]()
    if account is None:
        errors["account"] = ["There is no such account."]
    if instrument is None:
        errors["instrument.symbol"] = [
            f"There is no instrument {key.symbol} {key.sec_type} {key.exchange} {key.currency}."
        ]
    elif not instrument.is_known:
        errors["instrument.symbol"] = [instrument.resolve_error or "The broker has not resolved it yet."]
    if account is not None and instrument is None:
        raise InstrumentUnknown(errors)
    if account is not None and ticket.conditions:
        _check_conditions(rules, ticket, errors)
    if account is None or instrument is None or errors:
        raise TicketInvalid(errors)
    any_instrument = account.limits is not None and account.limits.any_instrument
    session = account.account.session_id
    return OrderContext(
        account=account.account,
        instrument=instrument,
        instrument_allowed=any_instrument or instrument.pk in account.allowed,
        limits=rules.limits_for(ticket.account, ticket.strategy, user),
        in_force=rules.states.of_order(ticket.account, ticket.strategy, session),
        shared_in_force=_shared_in_force(rules, ticket, session),
        ruleset_version=rules.ruleset_version,
    )


def _shared_in_force(rules: Rules, ticket: Ticket, session: str) -> InForce | None:
    if ticket.allocation is None or not rules.states.by_scope:
        return None
    sharers = advisors.sharers_of(session, ticket.allocation.group)
    found = (rules.states.of_order(account, ticket.strategy, session) for account in sharers)
    return strictest(one for one in found if one is not None)


def _check_conditions(rules: Rules, ticket: Ticket, errors: dict[str, list[str]]) -> None:
    """A condition looks at a contract that exists and trades where it is looked at."""
    for number, condition in enumerate(ticket.conditions):
        exchanges = rules.exchanges(condition.con_id) if condition.con_id else frozenset()
        if condition.con_id and not exchanges:
            text = f"There is no instrument {condition.con_id} at {condition.exchange}."
            raise InstrumentUnknown(errors | {f"conditions.{number}.con_id": [text]})
        if exchanges and condition.exchange and condition.exchange not in exchanges:
            text = f"{condition.con_id} is not traded at {condition.exchange}."
            errors[f"conditions.{number}.exchange"] = [text]
