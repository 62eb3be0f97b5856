"""The tables of the order domain.

Here are an order and what it lives through; `controls/`, `desk/`, `middle_office/` and `reconciliation/` have
what stands beside it.
"""

from orders.models.controls.approvals import Approval, ApprovalKind, ApprovalState, LimitChange
from orders.models.controls.audit import AuditRecord, AuditSeal
from orders.models.controls.kill import KillAction, KillStatus, KillSwitch
from orders.models.controls.legal_hold import LegalHold
from orders.models.controls.limits import AccountLimit, InstrumentRestriction, ScopeLimit
from orders.models.controls.ruleset import Ruleset
from orders.models.controls.tokens import ApiToken, Scope
from orders.models.controls.trading_state import ScopeState, ScopeStateChange, TradingState
from orders.models.controls.use_mark import UseMark
from orders.models.desk.acts import (
    ActionRecord,
    DeskAction,
    DeskJob,
    DeskJobRow,
    DeskProfile,
    DeskSettings,
    JobKind,
    SavedView,
)
from orders.models.desk.alerts import Alert, AlertKind, Severity, severity_of
from orders.models.desk.routes import AlertMute, AlertNotice, AlertRoute, NoticeState
from orders.models.desk.webhooks import DeliveryState, Webhook, WebhookAttempt, WebhookDelivery
from orders.models.event import EventKind, OrderEvent
from orders.models.execution import Execution
from orders.models.group import GroupKind, OcaType, OrderGroup
from orders.models.idempotency import IdempotencyKey
from orders.models.lifecycle import Cause
from orders.models.middle_office.breaks import Break, BreakCause, BreakFile, BreakKind, BreakNote
from orders.models.middle_office.corporate_actions import PositionEvent, PositionEventKind, Split
from orders.models.middle_office.costs import CostCursor, FillCost, MarketTick, OrderCost
from orders.models.middle_office.reports import DayReport, ReportKind
from orders.models.middle_office.statement import RequestState as StatementRequestState
from orders.models.middle_office.statement import Statement, StatementRequest, StatementRow
from orders.models.middle_office.strategies import StrategyTransfer
from orders.models.ord_status import ord_status
from orders.models.order import IfBacklog, IfBrokerDown, OnUnconfirmed, Order, Source
from orders.models.outbox import CommandKind, OutboxCommand, Priority, SubmissionAttempt
from orders.models.reconciliation.duplicate import DuplicateOrder
from orders.models.reconciliation.lost import LostOrder
from orders.models.reconciliation.runs import ReconciliationKind, ReconciliationRun
from orders.models.requests import OrderRequest, RequestKind
from orders.models.sliced import SLICING, IfLate, SlicedOrder, SliceState
from orders.models.states import ALIVE, AT_BROKER, DEAD, EXECUTED, OPEN_REQUESTS, RequestState, State
from orders.models.terms import Terms
from orders.models.used_id import UsedId

__all__ = [
    "ALIVE",
    "AT_BROKER",
    "DEAD",
    "EXECUTED",
    "OPEN_REQUESTS",
    "SLICING",
    "AccountLimit",
    "ActionRecord",
    "Alert",
    "AlertKind",
    "AlertMute",
    "AlertNotice",
    "AlertRoute",
    "ApiToken",
    "Approval",
    "ApprovalKind",
    "ApprovalState",
    "AuditRecord",
    "AuditSeal",
    "Break",
    "BreakCause",
    "BreakFile",
    "BreakKind",
    "BreakNote",
    "Cause",
    "CommandKind",
    "CostCursor",
    "DayReport",
    "DeliveryState",
    "DeskAction",
    "DeskJob",
    "DeskJobRow",
    "DeskProfile",
    "DeskSettings",
    "DuplicateOrder",
    "EventKind",
    "Execution",
    "FillCost",
    "GroupKind",
    "IdempotencyKey",
    "IfBacklog",
    "IfBrokerDown",
    "IfLate",
    "InstrumentRestriction",
    "JobKind",
    "KillAction",
    "KillStatus",
    "KillSwitch",
    "LegalHold",
    "LimitChange",
    "LostOrder",
    "MarketTick",
    "NoticeState",
    "OcaType",
    "OnUnconfirmed",
    "Order",
    "OrderCost",
    "OrderEvent",
    "OrderGroup",
    "OrderRequest",
    "OutboxCommand",
    "PositionEvent",
    "PositionEventKind",
    "Priority",
    "ReconciliationKind",
    "ReconciliationRun",
    "ReportKind",
    "RequestKind",
    "RequestState",
    "Ruleset",
    "SavedView",
    "Scope",
    "ScopeLimit",
    "ScopeState",
    "ScopeStateChange",
    "Severity",
    "SliceState",
    "SlicedOrder",
    "Source",
    "Split",
    "State",
    "Statement",
    "StatementRequest",
    "StatementRequestState",
    "StatementRow",
    "StrategyTransfer",
    "SubmissionAttempt",
    "Terms",
    "TradingState",
    "UseMark",
    "UsedId",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "ord_status",
    "severity_of",
]
