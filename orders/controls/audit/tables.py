"""What is audited, and how: rows that are only added, that follow an order's events, that change."""

from __future__ import annotations

from dataclasses import dataclass


def words(text: str) -> tuple[str, ...]:
    """Names of columns."""
    return tuple(text.split())


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A table whose changes are kept with old and new values, by a trigger.

    `only` names what is kept of a row (empty: everything), `without` what is not news, `hidden` what is kept
    as its digest: it is a secret, and still a change of it is seen.
    """

    table: str
    key: str = "id"
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


#: Settings, rights and decisions. Whoever adds a table that people decide in adds it here.
FOLLOWED = (
    Followed(table="orders_accountlimit", without=("updated_at",)),
    Followed(table="orders_accountlimit_allowed_instruments"),
    Followed(table="orders_scopelimit", without=("updated_at",)),
    Followed(table="orders_instrumentrestriction"),
    Followed(table="orders_limitchange"),
    Followed(table="orders_approval"),
    Followed(
        table="orders_apitoken", key="token_key", without=("last_used_at", "due_at"), hidden=("digest",)
    ),
    Followed(table="orders_apitoken_accounts", hidden=("apitoken_id",)),
    Followed(table="auth_user", without=("last_login",), hidden=("password",)),
    Followed(table="auth_user_groups"),
    Followed(table="auth_user_user_permissions"),
    Followed(table="auth_group"),
    Followed(table="auth_group_permissions"),
    Followed(table="otp_totp_totpdevice", only=words("id user_id name confirmed key"), hidden=("key",)),
    Followed(table="orders_deskprofile"),
    Followed(table="orders_deskprofile_accounts"),
    Followed(table="orders_deskact", key="key"),
    Followed(table="orders_deskjob"),
    Followed(
        table="orders_break",
        only=words("id kind key account_id order_id owner_id closed_at closed_by resolution cause ticket"),
    ),
    Followed(table="orders_breaknote"),
    Followed(table="orders_strategytransfer"),
    Followed(table="orders_split"),
    Followed(table="orders_positionevent"),
    Followed(table="orders_breakfile", without=("content",)),
    Followed(table="orders_statement", without=("sections", "unknown")),
    Followed(
        table="orders_alert",
        only=words("id kind order_id seen_at seen_by_id cleared_at cleared_by cleared_note"),
    ),
    Followed(table="orders_lostorder"),
    Followed(table="orders_legalhold"),
    Followed(
        table="orders_slicedorder",
        only=words("id client_id cl_ord_id account_id ticket order_qty slices state reason"),
    ),
    Followed(
        table="orders_webhook",
        only=words("id client_id url kinds made_by active generation"),
    ),
    Followed(table="orders_webhook_accounts"),
    Followed(table="orders_alertroute"),
    Followed(table="orders_alertmute"),
    Followed(table="orders_dayreport", without=("document",)),
    Followed(table="brokers_gatewaysession", key="name", only=("name", "client_id")),
    Followed(table="orders_scopestate", key="scope"),
    Followed(table="orders_killswitch", without=("progress",)),
    Followed(table="orders_scopestatechange"),
    Followed(table="brokers_brokeraccount", key="code", only=("code", "session_id")),
)


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A table whose rows are hashed: which of its columns, and whether they stay as they are for good.

    A row that is not `fixed` is sealed again with each event that may have changed it; its last hash counts.
    """

    table: str
    columns: tuple[str, ...]
    fixed: bool = True


EVENTS = Sealed(
    table="orders_orderevent",
    columns=words(
        "id order_id version kind from_state to_state cum_qty avg_px actor text data inbox_id "
        "at recorded_at txid"
    ),
)
RECORDS = Sealed(
    table="orders_auditrecord",
    columns=words(
        "id txid at kind person via address process role account order_id subject old new reason ok"
    ),
)
#: What the broker said, of which an event came.
INBOX = Sealed(
    table="brokers_inboxmessage",
    columns=words("id session_id dedup_key kind event raw received_at recorded_at"),
)
#: What was ordered and how it was checked. State and quantities are compared with the events.
ORDERS = Sealed(
    table="orders_order",
    columns=words(
        "id client_id source cl_ord_id request_hash order_ref account_id session_id "
        "instrument_id side order_qty ord_type price stop_px time_in_force special parent_id "
        "group_id on_unconfirmed if_broker_down if_backlog reason_code reason_text check_report "
        "arrival_px received_at recorded_at strategy reduce_only approval_id"
    ),
    fixed=False,
)
EXECUTIONS = Sealed(
    table="orders_execution",
    columns=words(
        "id order_id account_id exec_id exec_root superseded con_id symbol sec_type currency "
        "multiplier side last_qty last_px scale venue liquidity transact_time trade_date "
        "commission commission_currency realized_pnl commission_at received_at"
    ),
    fixed=False,
)
REQUESTS = Sealed(
    table="orders_orderrequest",
    columns=words(
        "id order_id client_id kind cl_ord_id orig_cl_ord_id requested_by requested_at "
        "order_qty price stop_px time_in_force former check_report"
    ),
    fixed=False,
)
SEALED = {each.table: each for each in (RECORDS, EVENTS, INBOX, ORDERS, EXECUTIONS, REQUESTS)}

#: Columns of an order that no event tells of: a change is kept as a record, and the order sealed again.
IDENTITY = ("client_id", "cl_ord_id", "request_hash", "source", "order_ref", "instrument_id", "check_report")

#: Nobody acts in these: why each is no part of the audit.
NOT_AUDITED = {
    "orders_statementrequest": "how a statement was asked for; what was read of it is followed",
    "orders_statementrow": "what the broker's file says; the statement has the file's digest",
    "orders_auditseal": "the chain itself",
    "django_admin_log": "a list of links for the desk; the acts are followed in their own tables",
    "auth_permission": "made by migrate from the code",
    "django_content_type": "made by migrate from the code",
    "django_session": "logins are records",
    "axes_accessfailurelog": "refused logins are records",
    "axes_accessattempt": "refused logins are records",
    "axes_accessattemptexpiration": "refused logins are records",
    "axes_accesslog": "logins are records",
    "brokers_sessionhealth": "measured anew every second",
    "brokers_linkchange": "what the link said, for people to look at",
    "brokers_instrument": "the broker's own description, asked for again each day",
    "brokers_brokerquestion": "forgotten within minutes",
    "brokers_advisorlogin": "what the broker reports; the allocation of an order is sealed with it",
    "brokers_position": "what the broker reports, compared with the executions",
    "brokers_cashbalance": "what the broker reports",
    "brokers_accountvalue": "what the broker reports",
    "brokers_profit": "what the broker reckons, shown to people",
    "brokers_profitpoint": "what the broker reckons, shown to people",
    "orders_savedview": "filters of a list",
    "orders_desksettings": "how a person's pages look and what they tell",
    "orders_deskjobrow": "its orders and requests are audited, and what it came to stands in their events",
    "orders_duplicateorder": "derived from what the broker says",
    "orders_ordergroup": "its orders are audited",
    "orders_idempotencykey": "forgotten after a day",
    "orders_outboxcommand": "what waits to be sent; that it was is an event",
    "orders_submissionattempt": "how an order was sent; that it was is an event",
    "orders_reconciliationrun": "forgotten after some days; what differs is a break",
    "orders_rulebook": "a counter",
    "orders_usemark": "counters",
    "orders_usedid": "ids of orders, which are audited",
    "orders_webhookdelivery": "copies of events",
    "orders_webhookattempt": "how a delivery went",
    "orders_markettick": "what the broker told of markets; forgotten after some days",
    "orders_costcursor": "a place in the events",
    "orders_ordercost": "computed from orders, executions and ticks",
    "orders_fillcost": "computed from orders, executions and ticks",
    "orders_alertnotice": "how an alert went to its channels",
}

#: What the application's role may change in tables that are audited; nothing may be deleted in them.
#: Empty: rows are only added.
CHANGEABLE: dict[str, tuple[str, ...]] = {
    "orders_orderevent": (),
    "orders_auditrecord": (),
    "orders_auditseal": (),
    "orders_breaknote": (),
    "orders_strategytransfer": (),
    "orders_split": (),
    "orders_positionevent": ("quantity_in_baseline", "amount_in_baseline"),
    "orders_breakfile": (),
    "orders_deskact": ("ok", "outcome"),  # once, in the transaction of the act: a trigger holds that
    "orders_execution": (
        *("superseded", "scale", "commission", "commission_currency", "realized_pnl", "commission_at"),
    ),
    # What waits may be told again in other words, or later; what was applied stays (a trigger holds that).
    "brokers_inboxmessage": (
        *("applied_at", "attempts", "retry_at", "error"),
        *("kind", "event", "raw", "received_at", "recorded_at"),
    ),
}
#: Rows that change all the time: columns that the application's role never writes again.
FIXED = {
    "orders_order": words("id received_at recorded_at arrival_px strategy reduce_only approval_id if_backlog")
}
#: And columns that a trigger holds, because one statement writes whole rows: what was asked for.
ASKED = words(
    "order_id client_id kind cl_ord_id requested_by requested_at order_qty price stop_px check_report"
)
#: Rows that nobody may delete.
KEPT = words(
    "orders_order orders_orderrequest orders_break orders_approval orders_limitchange"
    " auth_user orders_apitoken"
)
