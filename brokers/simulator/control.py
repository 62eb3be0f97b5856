"""The control port: HTTP on loopback to read the ledger, move prices, ask for faults and reset."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, TypeVar

import msgspec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from brokers.simulator import ledger
from brokers.simulator.exchange.orders import Auction
from brokers.simulator.fault_actions import FaultActions
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS
from brokers.simulator.gateway.accounts.corporate_actions import OptionEnd, Split
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.orders.manual import ManualOrder
from brokers.simulator.gateway.orders.term_checks import LARGEST_PRICE
from brokers.simulator.gateway.texts.home import TimeForm
from brokers.simulator.gateway.texts.refusals import Refused
from brokers.simulator.server import Hub

T = TypeVar("T")
_MAX_BODY_BYTES = 1 << 20


class PriceMove(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /prices`: every market that goes by this symbol moves to this price."""

    symbol: str
    price: Decimal


class AuctionCall(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /auction`: an opening or closing auction now, for every market that goes by this symbol."""

    symbol: str
    auction: Auction


class Halt(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /halt`: no trading in any market that goes by this symbol, until it is taken back."""

    symbol: str
    halted: bool = True


class TimeZoneChange(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /time-zone`: the name that is written from now on, and the form."""

    time_zone: str
    form: TimeForm = TimeForm.ZONE


class _Handler(RequestHandler):
    """Base: JSON in, JSON out; `hub` is the gateway's shell."""

    def initialize(self, hub: Hub, fault_actions: FaultActions) -> None:
        self.hub = hub
        self.fault_actions = fault_actions

    def set_default_headers(self) -> None:
        """Of errors too, which begin anew."""
        self.set_header("Content-Type", "application/json")

    def prepare(self) -> None:
        if not is_address(self.request.host_name):
            self.answer({"error": "ask by address or as localhost, not by another name"}, 400)

    def answer(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.finish(msgspec.json.encode(value))

    def read(self, type_: type[T]) -> T | None:
        """Return the body as `type_`; None after it was answered with 400."""
        try:
            return msgspec.json.decode(self.request.body, type=type_)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
            self.answer({"error": str(error)}, 400)
            return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.answer({"error": self._reason}, status_code)

    def answer_found(self, what: str, found: list[str], symbol: str) -> None:
        """Name the markets where something was done; 404 where none goes by this symbol."""
        self.hub.end_turn()
        if found:
            self.answer({what: found})
        else:
            self.answer({"error": f"no instrument goes by {symbol!r}"}, 404)


def is_address(host: str) -> bool:
    """Whether a Host is no name but localhost: a web page's own name may have been led here."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True


class _ListHandler(_Handler):
    def initialize(  # type: ignore[override]
        self, hub: Hub, fault_actions: FaultActions, rows: Callable[[State], list[ledger.Row]]
    ) -> None:
        super().initialize(hub, fault_actions)
        self._rows = rows

    def get(self) -> None:
        self.answer(self._rows(self.hub.gateway.state))


class _ExecutionsHandler(_Handler):
    def get(self) -> None:
        rows, clock = ledger.executions(self.hub.gateway.state), self.hub.wire_clock
        self.answer([row | {"sent_at": ledger.time_text(clock.sent_at(row["exec_id"]))} for row in rows])


class _HealthHandler(_Handler):
    def get(self) -> None:
        gateway = self.hub.gateway
        clients = [link.client_id for link in gateway.links]
        self.answer({"status": "ok", "clients": clients, "link": "up" if gateway.uplink.is_up else "lost"})


class _PricesHandler(_Handler):
    def post(self) -> None:
        move = self.read(PriceMove)
        if move is None:
            return
        if not (move.price.is_finite() and 0 < move.price <= LARGEST_PRICE):
            self.answer({"error": f"price must be above 0 and at most {LARGEST_PRICE}"}, 400)
            return
        self.answer_found("moved", self.hub.gateway.move_market(move.symbol, move.price), move.symbol)


class _AuctionHandler(_Handler):
    def post(self) -> None:
        call = self.read(AuctionCall)
        if call is None:
            return
        self.answer_found("held", self.hub.gateway.hold_auction(call.symbol, call.auction), call.symbol)


class _HaltHandler(_Handler):
    def post(self) -> None:
        wanted = self.read(Halt)
        if wanted is None:
            return
        found = self.hub.gateway.halt_market(wanted.symbol, is_halted=wanted.halted)
        self.answer_found("halted" if wanted.halted else "resumed", found, wanted.symbol)


class _SplitHandler(_Handler):
    def post(self) -> None:
        wanted = self.read(Split)
        if wanted is None:
            return
        if wanted.numerator < 1 or wanted.denominator < 1:
            self.answer({"error": "a split is two whole numbers above zero"}, 400)
            return
        self.answer_found("split", self.hub.gateway.split(wanted), wanted.symbol)


class _OptionEndHandler(_Handler):
    def post(self) -> None:
        wanted = self.read(OptionEnd)
        if wanted is not None:
            self.answer_found("ended", self.hub.gateway.end_option(wanted), wanted.symbol)


class _TimeZoneHandler(_Handler):
    """The gateway's own zone and the form in which it writes times; POST changes them for what comes."""

    def get(self) -> None:
        home = self.hub.gateway.home
        self.answer({"time_zone": home.name, "form": home.form})

    def post(self) -> None:
        wanted = self.read(TimeZoneChange)
        if wanted is None:
            return
        try:
            self.hub.gateway.home.become(wanted.time_zone, wanted.form)
        except ValueError as error:
            self.answer({"error": str(error)}, 400)
        else:
            self.get()


class _ManualHandler(_Handler):
    def post(self) -> None:
        typed = self.read(ManualOrder)
        if typed is None:
            return
        try:
            record = self.hub.gateway.place_manual(typed)
        except Refused as refused:
            self.answer({"error": refused.refusal.text, "code": refused.refusal.code}, 400)
        else:
            self.answer({"perm_id": record.perm_id, "order_id": record.order_id, "status": record.status})
        self.hub.end_turn()


class _FaultsHandler(_Handler):
    """What is armed and what lasts; POST one fault or a list; DELETE disarms and heals everything."""

    def get(self) -> None:
        self.answer([*self.hub.gateway.faults.rows(), *self.fault_actions.lasting()])

    def post(self) -> None:
        asked = self.read(list[Fault] | Fault)  # type: ignore[arg-type]  # a union is a type to msgspec
        if asked is None:
            return
        self.fault_actions.arm(asked if isinstance(asked, list) else [asked])
        self.hub.end_turn()
        self.get()

    def delete(self) -> None:
        self.fault_actions.clear()
        self.hub.end_turn()
        self.get()


class _StrikesHandler(_Handler):
    """The last faults that struck, oldest first."""

    def get(self) -> None:
        self.answer(list(self.hub.gateway.faults.strikes))


class _ResetHandler(_Handler):
    def post(self) -> None:
        self.fault_actions.clear()
        self.hub.gateway.reset()
        self.hub.end_turn()
        self.answer({"status": "ok"})


def application(hub: Hub, fault_actions: FaultActions) -> Application:
    """Return the control port's routes."""
    own = {"hub": hub, "fault_actions": fault_actions}
    return Application(
        [
            ("/healthz", _HealthHandler, own),
            ("/orders", _ListHandler, {**own, "rows": ledger.orders}),
            ("/executions", _ExecutionsHandler, own),
            ("/positions", _ListHandler, {**own, "rows": ledger.positions}),
            ("/cash", _ListHandler, {**own, "rows": ledger.cash}),
            ("/changes", _ListHandler, {**own, "rows": ledger.changes}),
            ("/split", _SplitHandler, own),
            ("/option-end", _OptionEndHandler, own),
            ("/prices", _PricesHandler, own),
            ("/auction", _AuctionHandler, own),
            ("/halt", _HaltHandler, own),
            ("/manual", _ManualHandler, own),
            ("/time-zone", _TimeZoneHandler, own),
            ("/faults", _FaultsHandler, own),
            ("/strikes", _StrikesHandler, own),
            ("/reset", _ResetHandler, own),
        ],
        default_handler_class=_NotFoundHandler,
        default_handler_args=own,
        log_function=lambda handler: None,
    )


class _NotFoundHandler(_Handler):
    def prepare(self) -> None:
        super().prepare()
        self.answer({"error": f"nothing here; faults known: {', '.join(KINDS)}"}, 404)


def serve_control(hub: Hub, fault_actions: FaultActions, port: int) -> HTTPServer:
    """Listen on loopback only; raises OSError if the port is in use."""
    server = HTTPServer(application(hub, fault_actions), max_body_size=_MAX_BODY_BYTES)
    server.add_sockets(bind_sockets(port, address="127.0.0.1"))
    return server
