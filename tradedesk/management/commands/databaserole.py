"""`manage.py databaserole`: let the application log in to the database as `DATABASE_URL` says.

Run before `migrate`, by who deploys: it needs `DATABASE_OWNER_URL`, a login that may make roles. Where an
administrator makes roles, it is not needed: `CREATE ROLE tradedesk_app LOGIN PASSWORD '...'`.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradedesk.stack.servers.postgres import APPLICATION, let_in


class Command(BaseCommand):
    help = f"Make the role {APPLICATION}, with the password of DATABASE_URL; as DATABASE_OWNER_URL."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        owner, wanted = os.environ.get("DATABASE_OWNER_URL"), urlsplit(settings.DATABASE_URL)
        if not owner:
            raise CommandError("Set DATABASE_OWNER_URL, a login that may make roles.")
        if wanted.username != APPLICATION or not wanted.password:
            raise CommandError(f"DATABASE_URL must log in as {APPLICATION}, with a password.")
        try:
            with psycopg.connect(owner, connect_timeout=5, autocommit=True) as connection:
                let_in(connection, APPLICATION, unquote(wanted.password))
        except psycopg.Error as error:
            raise CommandError(f"The role cannot be made: {' '.join(str(error).split())}.") from None
        self.stdout.write(f"{APPLICATION} can log in")
