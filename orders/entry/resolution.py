"""Finding the one contract that a description means: here, else through the broker, once."""

from __future__ import annotations

import msgspec

from brokers.fix import SecType
from brokers.models import BrokerAccount, Instrument, QuestionKind
from orders.entry.rules import read_instrument, rules_cache
from orders.entry.ticket import InstrumentKey, Ticket
from orders.errors import BrokerSilent, InstrumentAmbiguous, InstrumentUnknown
from orders.instruments import contracts
from orders.notify import questions


def resolve(key: InstrumentKey, account: str) -> Instrument:
    """The instrument of this description; the broker is asked when it is not known here.

    Raises InstrumentUnknown (nobody knows it), InstrumentAmbiguous (with the candidates) and
    BrokerSilent. Never call it in a transaction.
    """
    known = read_instrument(key)
    if known and known.is_known:
        return known
    session = BrokerAccount.objects.values_list("session_id", flat=True).get(pk=account)
    if key.sec_type == SecType.BAG:
        return _combination(key, session)
    return _ask(key, session)


def resolve_for_order(key: InstrumentKey, account: str) -> None:
    """Make the instrument known to the next look of this process at its rules.

    An order for what is not known here is not valid, also while the broker can not be asked.
    """
    try:
        found = resolve(key, account)
    except BrokerSilent as silent:
        words = f"{key.symbol} {key.sec_type} {key.exchange} {key.currency}"
        text = f"There is no instrument {words} here, and the broker can not be asked: {silent}"
        raise InstrumentUnknown({"instrument.symbol": [text]}) from silent
    rules_cache.forget_outdated()
    rules_cache.rules().remember(key, found)


def resolve_ticket(ticket: Ticket) -> None:
    """Make known all that a ticket names: its instrument, and the contracts that its conditions look at.

    Raises InstrumentUnknown (with the field) and InstrumentAmbiguous. Nothing is asked for an account that
    does not exist: its error says so.
    """
    rules = rules_cache.rules()
    if rules.account(ticket.account) is None:
        return
    if rules.instrument(ticket.instrument) is None:
        resolve_for_order(ticket.instrument, ticket.account)
        rules = rules_cache.rules()
    for number, condition in enumerate(ticket.conditions):
        if condition.con_id and not rules.exchanges(condition.con_id):
            session = BrokerAccount.objects.values_list("session_id", flat=True).get(pk=ticket.account)
            field = f"conditions.{number}.con_id"
            try:
                _ask_contract(field, condition.con_id, condition.exchange, session)
            except BrokerSilent as silent:
                text = f"{condition.con_id} is not known here, and the broker can not be asked: {silent}"
                raise InstrumentUnknown({field: [text]}) from silent


def _ask(key: InstrumentKey, session: str) -> Instrument:
    body = msgspec.to_builtins(key.reference())
    answer = questions.ask(session, QuestionKind.INSTRUMENTS, body)
    if not answer:
        words = f"{key.symbol} {key.sec_type} {key.exchange} {key.currency}"
        raise InstrumentUnknown({"instrument.symbol": [f"The broker knows no instrument {words}."]})
    if len(answer) > 1 or "id" not in answer[0]:
        raise InstrumentAmbiguous(answer)
    return Instrument.objects.get(pk=answer[0]["id"])


def _combination(key: InstrumentKey, session: str) -> Instrument:
    """A combination is its legs: each must be an instrument that the broker knows."""
    if len(key.legs) < 2:
        raise InstrumentUnknown({"instrument.legs": ["A combination has two legs at least."]})
    for number, leg in enumerate(key.legs):
        if not Instrument.objects.filter(con_id=leg.con_id).exists():
            _ask_contract(f"instrument.legs.{number}.con_id", leg.con_id, leg.exchange, session)
    return contracts.store_combination(key.reference())


def _ask_contract(field: str, con_id: int, exchange: str, session: str) -> None:
    """Let the broker tell a contract by its number; raises InstrumentUnknown with this field."""
    body = {"symbol": "", "sec_type": "STK", "exchange": exchange, "currency": "", "con_id": con_id}
    if not questions.ask(session, QuestionKind.INSTRUMENTS, body):
        text = f"The broker knows no instrument {con_id} at {exchange}."
        raise InstrumentUnknown({field: [text]})
