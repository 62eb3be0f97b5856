"""The groups of the desk and their rights, which the flush takes away and only migrations make.

They are made once per process and copied where a test wants them: making them takes some hundred queries.
"""

from __future__ import annotations

TABLES = ("auth_group", "auth_group_permissions")
KEEP_GROUPS = """
    DROP SCHEMA IF EXISTS kept CASCADE;
    CREATE SCHEMA kept;
""" + "".join(f"CREATE TABLE kept.{table} AS TABLE {table};" for table in TABLES)
#: Only where they are missing; the triggers record each row as they do behind a migration.
GROUPS_AGAIN = "".join(f"INSERT INTO {table} TABLE kept.{table} ON CONFLICT DO NOTHING;" for table in TABLES)
