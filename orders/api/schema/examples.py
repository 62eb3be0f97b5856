"""Examples of the OpenAPI description: each body and each error of each operation has at least one.

Answers are put together from their own schemas, with words that a trader knows; errors are the very
documents that the API sends. A hook of drf-spectacular adds them to the finished description.
"""

from __future__ import annotations

from typing import Any

from orders.api.problems import PROBLEMS, Problem, problem_document
from orders.errors import FieldError

Schema = dict[str, Any]

AT, ID = "2026-11-22T10:51:30.861308Z", "01a20478-d74d-71ba-a70c-14ef9a52883c"
ORDER: Schema = {
    "cl_ord_id": "alg-0001",
    "account": "DU1234567",
    "instrument": {"symbol": "AAPL"},
    "side": "BUY",
    "order_qty": "100",
    "ord_type": "LIMIT",
    "price": "229.95",
}
EXIT: Schema = {**ORDER, "cl_ord_id": "alg-0002", "side": "SELL", "price": "240.00"}
#: What members of answers hold, wherever their schema allows it.
WORDS: dict[str, Any] = {
    **ORDER,
    **{"id": ID, "order_id": ID, "current_cl_ord_id": "alg-0001", "orig_cl_ord_id": "alg-0001"},
    **{"order_ref": "TDAGRAI6GXJVY3VJYMCTXZUUUIHQ", "time_in_force": "DAY", "local_symbol": "AAPL"},
    **{"symbol": "AAPL", "sec_type": "STK", "exchange": "SMART", "currency": "USD", "con_id": 265598},
    **{"primary_exchange": "NASDAQ", "venue": "NASDAQ", "trading_class": "NMS", "long_name": "APPLE INC"},
    **{"time_zone": "US/Eastern", "min_tick": "0.01", "commission_currency": "USD", "from_state": "CREATED"},
    **{"cum_qty": "0", "leaves_qty": "100", "avg_px": "0", "last_qty": "100", "last_px": "229.95"},
    **{"exec_id": "0000e0d5.692b1a2c.01.01", "commission": "1.00", "received": AT, "recorded": AT},
    **{"actor": "client:algo", "requested_by": "client:algo", "made_by": "client:boss", "owner": "algo"},
    **{"accounts": ["DU1234567"], "name": "main", "link": "READY", "breaker": "CLOSED", "next": None},
    **{"list_id": "bracket-7", "url": "https://example.com/fills", "last_event_id": "9447-1", "more": False},
    **{"key": "NetLiquidation", "value": "1000000.00", "strategy": "momentum-1", "code": "QTY_ABOVE_LIMIT"},
    **{"order_types": ["LMT", "MKT"], "exchanges": ["SMART", "NASDAQ"], "price_bands": [["0", "0.01"]]},
    **{"summary": {"201": 1}, "status": 201, "index": 0, "children": [], "trade_date": "2026-11-22"},
    **{"passed": True, "token": "9f1c...", "secret": "whsec_...", "text": "Recorded."},
    "checks": [
        {
            "check": "max_order_qty",
            "passed": True,
            "value": "100",
            "limit": "10000",
            "code": "",
            "scope": "account:DU1234567",
        }
    ],
    "report": [
        {
            **{"check": "max_order_qty", "passed": False, "value": "10001", "limit": "10000"},
            "code": "QTY_ABOVE_LIMIT",
        }
    ],
    **{
        "day_order_qty": "100",
        "multiplier": "1",
        "min_size": "1",
        "size_increment": "1",
        "position_qty": "100",
    },
    **{"avg_cost": "229.95", "algo": None, "reason": None, "conditions_action": None, "put_or_call": None},
    **{
        "allocation": None,
        "trading_hours": [],
        "liquid_hours": [],
        "legs": None,
        "conditions": None,
        "problem": None,
    },
}
REQUESTS: dict[str, Schema] = {
    "place_group": {"list_id": "oca-7", "kind": "OCA", "oca_type": "CANCEL", "orders": [ORDER, EXIT]},
    "place_sliced": {**ORDER, "schedule": "TWAP", "slices": 10, "end_time": "2026-11-22T15:00:00Z"},
    "preview_order": ORDER,
    "resolve_instrument": {"symbol": "ES", "sec_type": "FUT", "exchange": "CME", "maturity": "202612"},
    "cancel_order": {"cl_ord_id": "alg-0001-cancel"},
    "replace_order": {"cl_ord_id": "alg-0001-b", "order_qty": "150", "price": "230.10"},
    "heartbeat": {"within": 30},
    "rotate_token": {"overlap": 3600},
    "close_position": {"reason": "The strategy has ended."},
    "reverse_position": {"reason": "The signal has turned."},
    "release_kill": {"reason": "The cause is found."},
    "change_limit": {
        "scope": "account:DU1234567",
        "field": "max_order_qty",
        "value": "20000",
        "reason": "asked by the desk for the index change",
    },
    "approve": {"reason": "compared with the risk memo"},
    "transfer_strategy": {
        **{"account": "DU1234567", "con_id": 265598, "from_strategy": "momentum-1", "quantity": "50"},
        "reason": "the strategy has ended",
    },
    "take_break": {},
    "note_break": {"reason": "asked the broker, ticket 81234"},
    "resolve_breaks": {"ids": [4, 7], "reason": "interest of November", "cause": "CASH_MOVEMENT"},
    "resolve_break": {"reason": "busted at 14:02", "cause": "BROKER_ERROR", "ticket": "81234"},
    "reject": {"reason": "above what risk allows"},
}
PLACING = {"place_order", "place_group", "place_sliced"}
CLOSING = {"close_position", "reverse_position"}
CHANGING = {"cancel_order", "replace_order"}
#: Whose answer is kept under an Idempotency-Key (`orders.api.keys.keyed`).
KEYED = {
    *("place_group", "place_sliced", "cancel_order", "replace_order", "cancel_orders", "cancel_group"),
    *("pause_sliced", "resume_sliced", "cancel_sliced"),
}
ASKING = {*PLACING, "preview_order", "resolve_instrument"}
#: What an order is that a check refused.
REJECTED: Schema = {
    **{"state": "REJECTED", "ord_status": "REJECTED", "order_qty": "10001", "leaves_qty": "0"},
    "reason": {"code": "QTY_ABOVE_LIMIT", "text": "The quantity is above the account's limit."},
}
#: The operations that some codes belong to; the others belong to every operation with their status.
ONLY: dict[str, set[str]] = {
    "AMBIGUOUS_INSTRUMENT": ASKING,
    "BROKER_UNAVAILABLE": ASKING,
    "BROKER_WOULD_REJECT": ASKING,
    "WEBHOOK_OVER": {"ping_webhook", "rotate_webhook", "redeliver"},
    "CL_ORD_ID_REUSED": PLACING | CHANGING,
    "TOKEN_OVER": {"rotate_token"},
    "APPROVAL_OVER": {"approve", "reject"},
    "BREAK_CLOSED": {"take_break", "note_break", "resolve_break", "resolve_breaks"},
    "ORDER_OVER": CHANGING | {"pause_sliced", "resume_sliced", "cancel_sliced"},
    "ORDER_FROZEN": {"replace_order"},
    "CANCEL_PENDING": {"replace_order"},
    "CANCELS_OTHERS": {"cancel_order"},
    "NOT_OURS": CHANGING,
    "REFUSED_BY_CHECK": {*PLACING, "replace_order", *CLOSING},
    "NOT_CLOSED": CLOSING,
    "IDEMPOTENCY_KEY_REUSED": {"place_order", "place_orders", *KEYED},
    "IDEMPOTENCY_KEY_IN_USE": KEYED,
    "BULK_REFUSED": {"place_orders"},
}
#: Members that the documents of some codes have beside the usual ones.
MEMBERS: dict[str, list[str]] = {
    "AMBIGUOUS_INSTRUMENT": ["candidates"],
    "REFUSED_BY_CHECK": ["report", "order", "group", "request"],
    "BULK_REFUSED": ["results"],
}


def complete(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """drf-spectacular's hook: the description with an example of everything."""
    components = result["components"]["schemas"]
    for methods in result["paths"].values():
        for operation in methods.values():
            _complete(operation, components)
    return result


def _complete(operation: Schema, components: Schema) -> None:
    name = operation["operationId"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "examples" not in content:
            content["examples"] = {"usual": {"value": REQUESTS[name]}}
        if content["schema"].get("required"):
            operation["requestBody"]["required"] = True
    for status, response in operation["responses"].items():
        for media, content in response.get("content", {}).items():
            if media == "application/problem+json":
                codes = codes_of(name, int(status))
                response["description"] = "; ".join(f"{code}: {PROBLEMS[code][1]}" for code in codes)
                made = {
                    code: {"value": problem_example(code, content["schema"], components)} for code in codes
                }
                content["examples"] = made
            elif media == "text/csv":
                content["examples"] = {"usual": {"value": "cl_ord_id,state\r\nalg-0001,FILLED\r\n"}}
            else:
                content["examples"] = {"usual": {"value": example(content["schema"], components)}}


def codes_of(operation: str, status: int) -> list[str]:
    """The codes that an operation may answer with under this status."""
    return [
        code
        for code, (its, _) in PROBLEMS.items()
        if its == status and operation in ONLY.get(code, {operation})
    ]


def problem_example(code: str, schema: Schema, components: Schema) -> Schema:
    """The document of a problem, with the members that this operation adds to it."""
    known = resolved(schema, components)["properties"]
    more = {name: example(known[name], components, name) for name in MEMBERS.get(code, []) if name in known}
    if "order" in more:
        more["order"] |= REJECTED
    errors = [FieldError("price", "REQUIRED", "This field is required.")] if code == "INVALID" else []
    shown = "QTY_ABOVE_LIMIT" if code == "REFUSED_BY_CHECK" else code
    return problem_document(Problem(shown, kind=code, errors=errors, **more))


def resolved(schema: Schema, components: Schema) -> Schema:
    """The schema itself: behind a reference, and the first that is not null where there is a choice."""
    while True:
        choices = schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf")
        if choices:
            schema = next(choice for choice in choices if choice.get("type") != "null")
        elif "$ref" in schema:
            schema = components[schema["$ref"].rsplit("/", 1)[1]]
        else:
            return schema


def example(schema: Schema, components: Schema, name: str = "") -> Any:
    """A value of this schema; `name`: that of the member which it is."""
    if WORDS.get(name, "") is None and nullable(schema):
        return None
    known = resolved(schema, components)
    kinds = known.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    word = WORDS.get(name)
    if "enum" in known:
        return word if word in known["enum"] else known["enum"][0]
    if "properties" in known:
        return {each: example(inner, components, each) for each, inner in known["properties"].items()}
    if name in WORDS and fits(word, kinds):
        return word
    if kind == "array":
        return [example(known["items"], components)]
    return None if kind != kinds else plain(kind, known.get("format", ""))


def nullable(schema: Schema) -> bool:
    """Whether null is a value of this schema."""
    return "null" in schema.get("type", ()) or any(map(nullable, schema.get("oneOf", ())))


def fits(word: Any, kinds: str | list[str]) -> bool:
    """Whether a word is of one of these types of JSON Schema."""
    types = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    return any(type(word) is types.get(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def plain(kind: str, form: str) -> Any:
    """Some value of a type and form."""
    of_form = {"uuid": ID, "date-time": AT, "decimal": "0", "date": "2026-11-22"}
    of_kind = {"integer": 1, "boolean": False, "object": {}, "number": 0}
    return of_form.get(form, "") if kind == "string" else of_kind[kind]
