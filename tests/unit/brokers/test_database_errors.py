"""Which errors of the database mean that it is away, and which that the statement is at fault."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DataError, Error, IntegrityError, InterfaceError, InternalError, OperationalError
from psycopg import errors

from brokers.postgres.database import is_away


def told(kind: type[Error], cause: type[psycopg.Error] | None = None) -> Error:
    """An error as Django raises it."""
    error = kind("as PostgreSQL says")
    error.__cause__ = cause() if cause else None
    return error


@pytest.mark.parametrize(
    "error",
    [
        told(InternalError, errors.ReadOnlySqlTransaction),
        told(InternalError, errors.IdleInTransactionSessionTimeout),
        told(OperationalError, errors.AdminShutdown),
        told(OperationalError, errors.CannotConnectNow),
        told(OperationalError, errors.QueryCanceled),
        told(OperationalError, errors.DeadlockDetected),
        told(OperationalError, errors.SerializationFailure),
        told(OperationalError, errors.TooManyConnections),
        told(OperationalError, errors.DiskFull),
        told(OperationalError, errors.LockNotAvailable),
        told(OperationalError, errors.ConnectionFailure),
        told(OperationalError, errors.InvalidPassword),
        told(OperationalError),  # "server closed the connection", the pool's timeout
        told(InterfaceError),  # "connection already closed"
        errors.ReadOnlySqlTransaction(),
        psycopg.OperationalError("connection refused"),
    ],
    ids=lambda error: type(error.__cause__ or error).__name__,
)
def test_it_is_away_when_the_same_would_succeed_later(error: Error) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        told(IntegrityError, errors.UniqueViolation),
        told(DataError, errors.NumericValueOutOfRange),
        told(OperationalError, errors.ProgramLimitExceeded),  # a key too long for an index
        told(InternalError, errors.InFailedSqlTransaction),
        told(InternalError, errors.RaiseException),
        ValueError("not of the database"),
    ],
    ids=lambda error: type(error.__cause__ or error).__name__,
)
def test_it_is_no_outage_when_the_same_would_fail_again(error: Exception) -> None:
    assert not is_away(error)
