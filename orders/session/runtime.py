"""One gateway session at work in this process: lease, connection, inbox writer, submitter, sweep.

The sweep looks at PostgreSQL every second, so that whatever Redis or Celery lost costs a second. Every thread
is supervised, the adapter's and the inbox writer's included.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import Error, close_old_connections, connection

from brokers import registry
from brokers.gate import lease as leases
from brokers.gate.breaker import Breaker
from brokers.gate.lease import Lease
from brokers.gate.pacing import Pacer
from brokers.inbox.writer import InboxWriter
from brokers.models import GatewaySession, QuestionKind
from brokers.port import BrokerSession, Link
from brokers.postgres import clock
from orders.booking import commissions
from orders.booking.flags import SessionFlags
from orders.booking.late_requests import close_late
from orders.booking.parked import retry_parked
from orders.controls.halts.dead_man import cancel_for_silent
from orders.controls.halts.kill_work import work_kills
from orders.controls.halts.losses import LossWatch
from orders.entry import group_watch, preview, slicer
from orders.entry.recheck import recheck_replaces, recheck_waiting
from orders.instruments import contracts, prices
from orders.models import AlertKind
from orders.notify import alerts, questions, wakeup
from orders.notify.alerts import raise_alert
from orders.notify.submission_counts import StartedBy, count_submission
from orders.reconciliation import lost_cancels, positions
from orders.risk.states import States
from orders.sending import order_ids, replaces
from orders.sending.answers import mark_unanswered
from orders.sending.halted import give_up_halted
from orders.sending.submission import Submission, Submitter, expire_stale
from orders.session.applier import SessionApplier
from orders.session.clocks import ClockWatch
from orders.session.health import HealthReport
from orders.session.market_data import MarketDesk
from orders.session.rounds import ReconciliationRounds
from orders.session.supervisor import Supervisor, WorkerThread
from orders.session.sweep import Step, Sweep
from orders.session.wakeup_listener import listen_forever
from orders.store.states import read_states

log = logging.getLogger(__name__)

SWEEP_EVERY = 1.0  # seconds
SENDS_FINISH = 10.0  # seconds for a hand-over that is under way when the worker is to stop
LATE_REQUEST_GRACE = timedelta(seconds=3)
BEAT_EVERY = 1.0  # seconds; a thread that has nothing to do still says that it lives
HEALTH_EVERY = 1.0  # seconds
CLOCKS_EVERY = 5.0  # seconds

#: Seconds of silence after which a thread hangs. What it may wait for in one go sets them: a snapshot with
#: its application, questions that a slow broker answers, a PostgreSQL that was frozen for a while. The event
#: loop waits for nothing.
SILENCE = {
    "inbox": 120.0,
    "broker": 20.0,
    "submit": 120.0,
    "sweep": 180.0,
    "wake": 60.0,
    "answer": 240.0,
    "market": 60.0,
    "lease": 60.0,
}

_running: dict[str, SessionRuntime] = {}


def running(name: str) -> SessionRuntime:
    """The session's runtime in this process; raises LookupError where another process holds it."""
    try:
        return _running[name]
    except KeyError:
        raise LookupError(f"session {name!r} does not run in this process") from None


class SessionRuntime:
    """Everything that works for one session while this process holds its lease."""

    def __init__(self, lease: Lease, *, adapter: str, host: str, port: int, client_id: int) -> None:
        self.name = lease.name
        self.lease = lease
        self.flags = SessionFlags()
        self._wake = threading.Event()
        self._submission_due = threading.Event()
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._states: States | None = None
        self.breaker = Breaker(settings.BREAKER_THRESHOLD, settings.BREAKER_COOL_DOWN)
        self.applier = SessionApplier(
            self.name, self.flags, self.breaker, on_link=self._wake.set, lease=lease
        )
        self.writer = InboxWriter(self.name, self.applier)
        pacer = Pacer(settings.PACING_PER_SECOND, settings.PACING_CANCEL_RESERVE)
        self.session = self._connection_by(adapter, pacer, host=host, port=port, client_id=client_id)
        self.applier.reconnect = self.session.reconnect
        self.clocks = ClockWatch(self.name, self.session, self.flags)
        rechecks = partial(recheck_waiting, self.name), partial(recheck_replaces, self.name)
        self.submitter = Submitter(self.session, lease, self.breaker, pacer, *rechecks)
        self.rounds = ReconciliationRounds(lease, self.session, self.flags, self.applier, self.writer)
        #: What tasks and the desk ask of a session by name.
        self.reconcile = self.rounds.reconcile
        self.reconcile_positions = self.rounds.reconcile_positions
        self.instruments = contracts.InstrumentDesk(self.name, self.session)
        self.market = MarketDesk(self.name, self.session, self.writer, self._stopping)
        self.on_lease_lost: Callable[[], None] = lambda: None
        #: Runs a published Celery message on the worker's pool; False while Celery cannot.
        self.run_task: Callable[[bytes], bool] = lambda message: False
        #: A thread cannot be cured: the process is to end.
        self.on_fatal: Callable[[str], None] = lambda reason: None
        self.supervisor = Supervisor(self.name, self._stopping, self._fatal)
        self._supervise_all()
        self.sweep_steps = Sweep(self._steps())
        self.health = HealthReport(self.name, self.session, self.supervisor, self.sweep_steps, self.clocks)

    def _connection_by(
        self, adapter: str, pacer: Pacer, *, host: str, port: int, client_id: int
    ) -> BrokerSession:
        """What speaks to the gateway for us, as the settings have it; it tells the writer what it hears."""
        configured = settings.BROKER_SESSIONS.get(self.name)
        return registry.create(
            self.name,
            adapter,
            host=host,
            port=port,
            client_id=client_id,
            paper=settings.TRADING_MODE == "paper",
            listener=self.writer,
            time_zone=configured.time_zone if configured else "",
            fence=self.lease.fence,
            pacer=pacer,
        )

    def _supervise_all(self) -> None:
        """Every thread of the session."""
        self.supervisor.watch("inbox", self.writer.thread, silence=SILENCE["inbox"])
        self.supervisor.watch("broker", self.session.thread, silence=SILENCE["broker"])
        for label, work in (
            ("submit", self._submit_forever),
            ("sweep", self._sweep_forever),
            ("wake", lambda thread: listen_forever(self.name, self.wake, self._stopping, beat=thread.beat)),
            ("answer", self._answer_forever),
            ("market", self.market.show_forever),
            ("lease", self._renew_forever),
        ):
            self.supervisor.add(label, work, silence=SILENCE[label])

    # --- life --------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start all threads. What an earlier holder had sent without an answer is in doubt first."""
        self.clocks.look_after()
        order_ids.restore(self.name)
        gone = "the former holder of the session is gone"
        mark_unanswered(self.name, before=clock.now(), why=gone)
        replaces.mark_unanswered(self.name, before=clock.now(), why=gone)
        self.supervisor.start()
        _running[self.name] = self

    def stop(self) -> None:
        """No new claims, sends finish, what was heard is stored, the lease is given back."""
        _running.pop(self.name, None)
        self._stopping.set()
        self._wake.set()
        self._submission_due.set()
        self._asked.set()
        self.submitter.stop(SENDS_FINISH)
        self.session.stop()
        self.writer.stop(timeout=10)
        self._release()  # the next one need not wait for threads that can send nothing any more
        self.supervisor.join(timeout=5)
        connection.close()

    def _release(self) -> None:
        """Give the lease back; without a database it runs out by itself."""
        try:
            leases.release(self.lease)
        except Error as error:
            log.warning("lease not given back", extra={"session": self.name, "error": repr(error)})

    def _fatal(self, reason: str) -> None:
        """End the process; what a person reads of it must not hold that up."""
        self.submitter.stopping = True
        self.on_fatal(reason)
        with suppress(Exception):
            text = f"The broker worker ends so that another one goes on: {reason}."
            raise_alert(AlertKind.SESSION, session=self.name, subject="thread of a former process", text=text)

    # --- work --------------------------------------------------------------------------------------
    def submit(self, started_by: StartedBy, *, beat: Callable[[], None] = lambda: None) -> Submission:
        """Send what waits; one at a time per session, whoever asks."""
        began = time.monotonic()
        done = self.submitter.submit(beat)
        if done.ran:
            seconds = time.monotonic() - began
            count_submission(self.name, started_by, seconds=seconds, commands=done.commands)
        return done

    def look_soon(self) -> None:
        """There may be something to send or to answer: what the sweep says each second."""
        self._submission_due.set()
        self._asked.set()

    def wake(self, message: bytes) -> None:
        """What was published for this session: a question was asked, or a task of Celery's is to run."""
        if message == wakeup.QUESTIONS:
            self._asked.set()
        elif message == wakeup.STATES:
            self.submitter.states_changed.set()
            self._wake.set()
        elif not message or not self.run_task(message):
            self.look_soon()

    # --- the sweep ---------------------------------------------------------------------------------
    def _sweep_forever(self, thread: WorkerThread) -> None:
        while not self._stopping.is_set():
            with thread.turn():
                close_old_connections()
                self.sweep(thread.beat)
            self._wake.wait(SWEEP_EVERY)
            self._wake.clear()

    def _submit_forever(self, thread: WorkerThread) -> None:
        """The sweep's submissions: a long queue takes as long as pacing says, and the sweep goes on."""
        while not self._stopping.is_set():
            thread.beat()
            if not self._submission_due.wait(BEAT_EVERY):
                continue
            self._submission_due.clear()
            with thread.turn():
                close_old_connections()
                self.submit(StartedBy.SWEEP, beat=thread.beat)

    def _answer_forever(self, thread: WorkerThread) -> None:
        """What other processes ask the broker; a slow answer holds up no order."""
        answers: dict[QuestionKind, questions.Answer] = {
            QuestionKind.INSTRUMENTS: self.instruments.answer,
            QuestionKind.PREVIEW: partial(preview.answer_preview, self.session, self.lease),
        }
        while not self._stopping.is_set():
            thread.beat()
            if not self._asked.wait(BEAT_EVERY):
                continue
            self._asked.clear()
            with thread.turn():
                close_old_connections()
                questions.answer_waiting(self.name, answers)

    def sweep(self, beat: Callable[[], None] = lambda: None) -> None:
        """One look at everything that may wait, and a submission of what is due.

        Not while another process may hold the lease: what waits is that one's to look at.
        """
        if not self.lease.fence.is_open:
            beat()
            return
        try:
            self.sweep_steps.round(beat)
        finally:
            self.look_soon()

    def _steps(self) -> list[Step]:
        """What the sweep does, in this order; each step is harmless to repeat."""
        name, late = self.name, "no answer before the deadline"
        return [
            Step("supervisor", self.supervisor.look_after_itself),
            Step("clocks", self.clocks.look_after, every=CLOCKS_EVERY),
            Step("trading states", self._look_at_states),
            Step("stale orders", partial(expire_stale, name)),
            Step("stale replaces", partial(replaces.expire_stale, name)),
            Step("unanswered replaces", partial(replaces.mark_unanswered, name, why=late)),
            Step("unanswered orders", lambda: self.breaker.unanswered(mark_unanswered(name, why=late))),
            Step("breaker", self._show_breaker),
            Step("order ids", partial(order_ids.look_after, name)),
            Step("late requests", lambda: close_late(name, asked_before=clock.now() - LATE_REQUEST_GRACE)),
            Step("parked messages", partial(retry_parked, name, self.flags)),
            Step("missing commissions", partial(commissions.mark_missing, name)),
            Step("free executions", partial(commissions.book_unreported, name), every=HEALTH_EVERY),
            Step("unconfirmed orders", lambda: alerts.follow_unconfirmed(name, self.flags.unproven)),
            Step("unanswered cancels", partial(lost_cancels.clear_answered, name), every=HEALTH_EVERY),
            Step("prices", partial(prices.store_prices, self.writer)),
            Step("losses", LossWatch(name).look),
            Step("positions", partial(positions.store_live, name, self.writer)),
            Step("snapshot", self.rounds.where_needed),
            Step(
                "kill switch",
                partial(work_kills, name, self.rounds.proof, self._cancel_everything),
                every=HEALTH_EVERY,
            ),
            Step("dead man's switches", partial(cancel_for_silent, name), every=HEALTH_EVERY),
            Step("groups", partial(group_watch.settle_groups, name)),
            Step("slices", partial(slicer.work_slices, name)),
            Step("instruments", self._look_after_instruments),
            Step("health", self._alert_health, every=HEALTH_EVERY),
        ]

    def _look_at_states(self) -> None:
        """What a state stops waits no more; also where Redis lost the news of it."""
        states = read_states()
        if self._states is not None and states.by_scope != self._states.by_scope:
            self.submitter.states_changed.set()
        self._states = states
        if give_up_halted(self.name, states):
            wakeup.notify_readers()

    def _cancel_everything(self) -> bool:
        """Ask for the cancel of others' orders, too; whether that went out."""
        error = self.session.cancel_everything().error if self.session.link is Link.READY else None
        if error:
            log.warning("global cancel: %s", error, extra={"session": self.name})
        return self.session.link is Link.READY and error is None

    def _alert_health(self) -> None:
        self.health.alert()

    def _look_after_instruments(self) -> None:
        if self.session.link is Link.READY:
            self.instruments.look_after()

    def _show_breaker(self) -> None:
        """Others decide by it too: an order that is to be refused while the broker is down, a dashboard."""
        state = self.breaker.state
        own = GatewaySession.objects.filter(**leases.own_row(self.lease))
        if own.exclude(breaker=state).update(breaker=state):
            log.warning("breaker %s", state, extra={"session": self.name})
            wakeup.sessions_changed()

    # --- the lease ---------------------------------------------------------------------------------
    def _renew_forever(self, thread: WorkerThread) -> None:
        """Renew in time. PostgreSQL away or read-only: nobody else can take it, and claims need it too.

        It is lost only when the row says so: another holder, or another epoch.
        """
        lost = False
        while not self._stopping.wait(self.lease.ttl / 4):
            with thread.turn():
                close_old_connections()
                if not lost and not leases.renew(self.lease):
                    lost = True
                    log.error("lease lost to another holder", extra={"session": self.name})
                    self.submitter.stopping = True
                    self.on_lease_lost()
            with thread.turn():
                if not lost:
                    self.health.store()  # every session's row of health is its holder's


def take_lease(name: str, client_id: int) -> Lease | None:
    """Take the session's lease, making its row when it is new; None while another process holds it."""
    GatewaySession.objects.get_or_create(name=name)
    return leases.take(name, client_id=client_id, ttl=settings.LEASE_TTL)
