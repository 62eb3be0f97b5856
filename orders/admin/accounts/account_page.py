"""The page of an account: what it is worth, what it made, whether our books agree with the broker's."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from brokers import admin as brokers_admin
from brokers.display import moment
from brokers.models import AccountValue, BrokerAccount, CashBalance, Profit
from orders.admin.accounts.broker_rows import replaces
from orders.admin.accounts.positions import add_expected
from orders.admin.accounts.profits import ProfitColumns, add_profits, chart_context
from orders.admin.shared.detail import DetailPage
from orders.admin.shared.mixins import OwnAccounts
from orders.admin.shared.pages import show
from orders.controls.limits.in_force import limits_now
from orders.models import Break, ReconciliationKind, ReconciliationRun

VALUES = {
    "NetLiquidation": "Net liquidation",
    "TotalCashValue": "Cash",
    "AvailableFunds": "Available funds",
    "BuyingPower": "Buying power",
    "InitMarginReq": "Initial margin",
    "MaintMarginReq": "Maintenance margin",
}
WHOLE_ACCOUNT = 0


@replaces(BrokerAccount)
class AccountAdmin(ProfitColumns, DetailPage, OwnAccounts, brokers_admin.BrokerAccountAdmin):  # type: ignore[misc]
    """The person's accounts."""

    account_path = "code"
    list_display = ("code", "session", "daily", "unrealized", "realized", "as_of", "compared_since")  # type: ignore[assignment]

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what each account made."""
        return super().get_queryset(request).prefetch_related("profits")

    def profit_of(self, row: BrokerAccount) -> Profit | None:
        """That of the account as one."""
        return whole(row)

    @admin.display(description="as of")
    def as_of(self, account: BrokerAccount) -> SafeString:
        """When the broker said so."""
        profit = whole(account)
        return moment(profit.reported_at if profit else None)

    def row_view(self, request: HttpRequest, row: BrokerAccount) -> HttpResponse:
        """One account."""
        context = {**page_context(row), **chart_context(request, row.code, WHOLE_ACCOUNT)}
        return show(request, "desk/account.html", f"Account {row.code}", opts=self.opts, **context)


def whole(account: BrokerAccount) -> Profit | None:
    """Profit and loss of the account as one."""
    return next((row for row in account.profits.all() if row.con_id == WHOLE_ACCOUNT), None)


def page_context(account: BrokerAccount) -> dict[str, Any]:
    """Everything but the chart; a fixed number of queries."""
    positions = list(account.positions.exclude(position_qty=0).order_by("symbol"))
    add_expected(positions)
    add_profits(positions)
    told = AccountValue.objects.filter(account=account, key__in=VALUES).exclude(currency="")
    values = {row.key: row for row in told}
    return {
        "account": account,
        "profit": whole(account),
        "values": [(words, values[key]) for key, words in VALUES.items() if key in values],
        "positions": positions,
        "cash": list(CashBalance.objects.filter(account=account)),
        "limits": limits_now([account.code]),
        "breaks": list(Break.objects.filter(account=account, closed_at=None)[:20]),
        "runs": last_runs(account.session_id),
    }


def last_runs(session: str) -> list[ReconciliationRun]:
    """The last comparison of each kind."""
    runs = ReconciliationRun.objects.filter(session=session)
    newest = (runs.filter(kind=kind).first() for kind in ReconciliationKind)
    return [run for run in newest if run]
