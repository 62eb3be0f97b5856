"""What the database itself does for the audit: triggers that follow rows, and the rights of two roles.

Run after each `migrate`, as the owner of the tables, from `tables.py`: a table that is added there is
followed from the next `migrate` on. The application connects as `APPLICATION`, which owns nothing.
"""

from __future__ import annotations

import hashlib

from django.db import connections

from orders.controls.audit.tables import ASKED, CHANGEABLE, FIXED, FOLLOWED, IDENTITY, KEPT, Followed

#: The role of web, workers and broker workers. It can log in once it has a password (`stack.roles`).
APPLICATION = "tradedesk_app"

FUNCTIONS = """
CREATE OR REPLACE FUNCTION orders_audit_row(given jsonb, kept text[], dropped text[], hidden text[])
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(jsonb_object_agg(key, CASE WHEN key = ANY(hidden) AND value <> 'null'
        THEN to_jsonb('sha256:' || encode(sha256(convert_to(value::text, 'UTF8')), 'hex'))
        ELSE value END), '{}')
    FROM jsonb_each(given)
    WHERE (cardinality(kept) = 0 OR key = ANY(kept)) AND NOT key = ANY(dropped)
$$;
-- The writer of a record cannot choose who it was beyond what its connection says of itself.
CREATE OR REPLACE FUNCTION orders_audit_follow() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    acting jsonb := COALESCE(NULLIF(current_setting('tradedesk.acting', true), ''), '{}')::jsonb;
    kept text[] := string_to_array(TG_ARGV[1], ',');
    dropped text[] := string_to_array(TG_ARGV[2], ',');
    hidden text[] := string_to_array(TG_ARGV[3], ',');
    before jsonb; after jsonb; either jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := orders_audit_row(to_jsonb(OLD), kept, dropped, hidden); END IF;
    IF TG_OP <> 'DELETE' THEN after := orders_audit_row(to_jsonb(NEW), kept, dropped, hidden); END IF;
    IF before IS NOT DISTINCT FROM after THEN RETURN NULL; END IF;
    either := COALESCE(to_jsonb(NEW), to_jsonb(OLD));
    INSERT INTO orders_auditrecord (kind, person, via, address, process, role, account, order_id, subject,
        old, new, reason, ok)
    VALUES (
        TG_TABLE_NAME || '.' || lower(TG_OP), COALESCE(acting->>'person', ''), COALESCE(acting->>'via', ''),
        COALESCE(acting->>'address', ''), COALESCE(current_setting('tradedesk.process', true), ''),
        session_user,
        COALESCE(either->>'account_id', either->>'brokeraccount_id', ''),
        CASE TG_TABLE_NAME WHEN 'orders_order' THEN either->>'id' ELSE either->>'order_id' END::uuid,
        TG_TABLE_NAME || ':' || COALESCE(either->>TG_ARGV[0], ''), before, after,
        COALESCE(acting->>'reason', ''), true
    );
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION orders_audit_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the outcome of an act is written once' USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER audit_once BEFORE UPDATE ON orders_deskact
    FOR EACH ROW WHEN (OLD.ok OR OLD.outcome <> '') EXECUTE FUNCTION orders_audit_once();
CREATE OR REPLACE FUNCTION orders_audit_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was asked, and how it was checked, stays as it is'
        USING ERRCODE = 'restrict_violation';
END $$;
-- An order may be checked again until it was sent, also when a claim was taken back; the report before is
-- kept (audit_identity).
CREATE OR REPLACE TRIGGER audit_fixed BEFORE UPDATE OF check_report ON orders_order
    FOR EACH ROW WHEN (OLD.check_report IS DISTINCT FROM NEW.check_report
        AND NOT (OLD.state = 'CREATED' OR (OLD.state = 'FAILED' AND OLD.claimed_at IS NULL)))
    EXECUTE FUNCTION orders_audit_fixed();
-- A row of a snapshot that was parked is taken again by the next one that cannot be applied: it has no event.
CREATE OR REPLACE TRIGGER audit_fixed
    BEFORE UPDATE OF kind, event, raw, received_at, recorded_at ON brokers_inboxmessage
    FOR EACH ROW WHEN (OLD.applied_at IS NOT NULL AND NOT (OLD.attempts = 1 AND OLD.retry_at IS NULL))
    EXECUTE FUNCTION orders_audit_fixed();
-- The one way in which the application deletes of what is audited: raw messages that are old, applied and
-- under no legal hold (`archive.py` has written them to a file before; who did not is found by the chain).
CREATE OR REPLACE FUNCTION orders_forget_archived(keys bigint[]) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE gone bigint;
BEGIN
    DELETE FROM brokers_inboxmessage m
    WHERE m.id = ANY(keys) AND m.applied_at IS NOT NULL AND m.recorded_at < now() - interval '30 days'
        AND NOT EXISTS (SELECT FROM orders_legalhold h WHERE h.released_at IS NULL
            AND (h.session_id IS NULL OR h.session_id = m.session_id)
            AND m.recorded_at >= h.since AND (h.until IS NULL OR m.recorded_at < h.until));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
REVOKE EXECUTE ON FUNCTION orders_forget_archived(bigint[]) FROM PUBLIC;
"""

ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') THEN
        CREATE ROLE {APPLICATION} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'role {APPLICATION} is missing: let an administrator make it';
END $$;
"""


def install(using: str = "default") -> bool:
    """Make triggers and rights as `tables.py` says; whether there was something to do."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if "orders_auditseal" not in tables:
        return False  # migrated to a time before the audit
    script = _script(tables)
    digest = hashlib.sha256((script + _rights()).encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regproc('orders_audit_follow'), 'pg_proc')")
        if (cursor.fetchone() or [None])[0] == digest:
            return False
        cursor.execute(script)
        cursor.execute(_rights())
        cursor.execute(f"COMMENT ON FUNCTION orders_audit_follow() IS '{digest}'")
    return True


def _script(tables: set[str]) -> str:
    """Every statement that does not depend on what is there already."""
    followed = [_follow(each) for each in FOLLOWED if each.table in tables]
    changes = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in IDENTITY)
    arguments = _arguments(Followed(table="orders_order", only=("id", *IDENTITY)))
    identity = f"""
        CREATE OR REPLACE TRIGGER audit_identity AFTER UPDATE OF {", ".join(IDENTITY)} ON orders_order
        FOR EACH ROW WHEN ({changes}) EXECUTE FUNCTION orders_audit_follow({arguments});
    """
    asked = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in ASKED)
    identity += f"""
        CREATE OR REPLACE TRIGGER audit_fixed BEFORE UPDATE ON orders_orderrequest
        FOR EACH ROW WHEN ({asked}) EXECUTE FUNCTION orders_audit_fixed();
    """
    return "\n".join([FUNCTIONS, *followed, identity, ROLE, f"-- rights in {sorted(tables)}"])


def _arguments(followed: Followed) -> str:
    lists = (",".join(names) for names in (followed.only, followed.without, followed.hidden))
    return ", ".join(f"'{word}'" for word in (followed.key, *lists))


def _follow(followed: Followed) -> str:
    """The triggers of one table, and a record of each row that is there already."""
    columns = f" OF {', '.join(followed.only)}" if followed.only else ""
    function = f"EXECUTE FUNCTION orders_audit_follow({_arguments(followed)})"
    return f"""
        CREATE OR REPLACE TRIGGER audit_follow AFTER INSERT OR DELETE OR UPDATE{columns} ON {followed.table}
            FOR EACH ROW {function};
        INSERT INTO orders_auditrecord (
            kind, person, via, address, process, account, subject, new, reason, ok)
        SELECT '{followed.table}.found', '', '', '', 'migrate', '',
            '{followed.table}:' || (found->>'{followed.key}'),
            {row_of(followed, "found")}, 'there when the audit began', true
        FROM (SELECT to_jsonb(t) AS found FROM {followed.table} t) AS rows
        WHERE NOT EXISTS (SELECT FROM orders_auditrecord r
            WHERE r.subject = '{followed.table}:' || (found->>'{followed.key}'));
    """  # noqa: S608 - names of our own tables


def row_of(followed: Followed, expression: str) -> str:
    """SQL for what is kept of a row, given as jsonb."""
    lists = (followed.only, followed.without, followed.hidden)
    arrays = (f"ARRAY[{', '.join(repr(name) for name in names)}]::text[]" for names in lists)
    return f"orders_audit_row({expression}, {', '.join(arrays)})"


def _rights() -> str:
    """The application reads and writes, owns nothing, and leaves alone what is audited."""
    lines = [
        f"GRANT USAGE ON SCHEMA public TO {APPLICATION};",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION};",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION};",
        f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {APPLICATION};",
        f"GRANT EXECUTE ON FUNCTION orders_forget_archived(bigint[]) TO {APPLICATION};",
    ]
    for table, columns in CHANGEABLE.items():
        lines.append(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APPLICATION};")
        lines += [f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO {APPLICATION};"] if columns else []
    for table, fixed in FIXED.items():
        lines += [f"REVOKE UPDATE ON {table} FROM {APPLICATION};", _all_but(table, fixed)]
    lines += [f"REVOKE DELETE, TRUNCATE ON {table} FROM {APPLICATION};" for table in KEPT]
    body = "\n".join(lines)
    there = f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}')"
    return f"DO $$ BEGIN IF {there} THEN {body} END IF; END $$;"


def _all_but(table: str, fixed: tuple[str, ...]) -> str:
    """Leave to change every column but these."""
    names = ", ".join(f"'{name}'" for name in fixed)
    return f"""
        EXECUTE (
            SELECT 'GRANT UPDATE (' || string_agg(quote_ident(attname), ', ')
                || ') ON {table} TO {APPLICATION}'
            FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped
                AND attname NOT IN ({names}));
    """  # noqa: S608 - names of our own tables
