"""Finding the one contract that a description means: here, else through the broker, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from brokers.fix import SecType
from brokers.models import BrokerAccount, Instrument, QuestionKind
from orders.entry.limits.checks import price_wanted
from orders.entry.limits.rules import context_by, read_instrument, rules_cache
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import BrokerSilent, InstrumentAmbiguous, InstrumentUnknown, TicketInvalid
from orders.instruments import contracts
from orders.instruments.prices import await_prices
from orders.notify import questions


@dataclass
class Questions:
    """What one request asks the broker: each question once, and a broker that is silent no further one."""

    answers: dict[tuple[str, bytes], list[dict[str, Any]]] = field(default_factory=dict)
    silent: dict[str, BrokerSilent] = field(default_factory=dict)

    def ask(self, session: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The contracts that fit a description; raises BrokerSilent."""
        if session in self.silent:
            raise self.silent[session]
        question = session, msgspec.json.encode(body)
        if question not in self.answers:
            try:
                self.answers[question] = questions.ask(session, QuestionKind.INSTRUMENTS, body)
            except BrokerSilent as silent:
                self.silent[session] = silent
                raise
        return self.answers[question]


def resolve(key: InstrumentKey, account: str, asked: Questions | None = None) -> Instrument:
    """The instrument of this description; the broker is asked when it is not known here.

    Raises InstrumentUnknown (nobody knows it), InstrumentAmbiguous (with the candidates) and
    BrokerSilent. Never call it in a transaction.
    """
    known = read_instrument(key)
    if known and known.is_known:
        return known
    asked = asked or Questions()
    session = BrokerAccount.objects.values_list("session_id", flat=True).get(pk=account)
    if key.sec_type == SecType.BAG:
        return _combination(key, session, asked)
    return _ask(key, session, asked)


def resolve_for_order(key: InstrumentKey, account: str, asked: Questions) -> None:
    """Make the instrument known to this process when it next reads its rules.

    An order for what is not known here is not valid, also while the broker cannot be asked.
    """
    try:
        found = resolve(key, account, asked)
    except BrokerSilent as silent:
        words = f"{key.symbol} {key.sec_type} {key.exchange} {key.currency}"
        text = f"There is no instrument {words} here, and the broker cannot be asked: {silent}"
        raise InstrumentUnknown({"instrument.symbol": [text]}) from silent
    rules_cache.forget_outdated()
    rules_cache.rules().remember(key, found)


def resolve_ticket(ticket: Ticket, asked: Questions | None = None) -> None:
    """Make known all that a ticket names: its instrument, and the contracts that its conditions look at.

    Raises InstrumentUnknown (with the field) and InstrumentAmbiguous. Nothing is asked for an account that
    does not exist: its error says so.
    """
    asked = asked or Questions()
    rules = rules_cache.rules()
    if rules.account(ticket.account) is None:
        return
    if rules.instrument(ticket.instrument) is None:
        resolve_for_order(ticket.instrument, ticket.account, asked)
        rules = rules_cache.rules()
    for number, condition in enumerate(ticket.conditions):
        if condition.con_id and not rules.exchanges(condition.con_id):
            session = BrokerAccount.objects.values_list("session_id", flat=True).get(pk=ticket.account)
            name = f"conditions.{number}.con_id"
            try:
                _ask_contract(name, condition.con_id, condition.exchange, session, asked)
            except BrokerSilent as silent:
                text = f"{condition.con_id} is not known here, and the broker cannot be asked: {silent}"
                raise InstrumentUnknown({name: [text]}) from silent


def price_tickets(tickets: Iterable[Ticket], user: str) -> None:
    """Have the broker tell the prices that the checks of these orders need and do not have."""
    rules = rules_cache.rules()
    wanted: dict[tuple[str, timedelta], dict[int, Instrument]] = {}
    for ticket in tickets:
        try:
            context = context_by(rules, ticket, user)
        except TicketInvalid:
            continue  # it will not be placed
        if max_age := price_wanted(ticket, context):
            asked = context.account.session_id, max_age
            wanted.setdefault(asked, {})[context.instrument.pk] = context.instrument
    for (session, max_age), instruments in wanted.items():
        await_prices(session, instruments.values(), max_age=max_age)


def _ask(key: InstrumentKey, session: str, asked: Questions) -> Instrument:
    answer = asked.ask(session, msgspec.to_builtins(key.reference()))
    if not answer:
        words = f"{key.symbol} {key.sec_type} {key.exchange} {key.currency}"
        raise InstrumentUnknown({"instrument.symbol": [f"The broker knows no instrument {words}."]})
    if len(answer) > 1 or "id" not in answer[0]:
        raise InstrumentAmbiguous(answer)
    return Instrument.objects.get(pk=answer[0]["id"])


def _combination(key: InstrumentKey, session: str, asked: Questions) -> Instrument:
    """A combination is its legs: each must be an instrument that the broker knows."""
    if len(key.legs) < 2:
        raise InstrumentUnknown({"instrument.legs": ["A combination has two legs at least."]})
    if len({leg.con_id for leg in key.legs}) < len(key.legs):
        raise InstrumentUnknown({"instrument.legs": ["Each leg of a combination is another contract."]})
    for number, leg in enumerate(key.legs):
        if not Instrument.objects.listed().filter(con_id=leg.con_id).exists():
            name = f"instrument.legs.{number}.con_id"
            _ask_contract(name, leg.con_id, leg.exchange, session, asked)
    return contracts.store_combination(key.reference())


def _ask_contract(name: str, con_id: int, exchange: str, session: str, asked: Questions) -> None:
    """Let the broker tell a contract by its number; raises InstrumentUnknown with this field."""
    body = {"symbol": "", "sec_type": "STK", "exchange": exchange, "currency": "", "con_id": con_id}
    if not asked.ask(session, body):
        text = f"The broker knows no instrument {con_id} at {exchange}."
        raise InstrumentUnknown({name: [text]})
