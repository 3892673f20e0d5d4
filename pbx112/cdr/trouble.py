"""Why records do not arrive in Postgres, and what helps: in an administrator's words."""

from __future__ import annotations

from typing import Any

import asyncpg

from pbx112.journal import JournalError

DSN_UNUSABLE = "PBX112_DSN cannot be used as it is"
DSN_REMEDY = "write it as postgresql://USER:PASSWORD@HOST/DATABASE, special characters in the password as %XX"


class UnusableDsn(asyncpg.InterfaceError, ValueError):
    """`PBX112_DSN` cannot be read. It never quotes it: asyncpg's own words may hold a part of the password."""

    def __init__(self) -> None:
        super().__init__(DSN_UNUSABLE)


async def connected(dsn: str, **options: Any) -> asyncpg.Connection:
    """As `asyncpg.connect`; raises :class:`UnusableDsn` where it is the address that is wrong."""
    try:
        return await asyncpg.connect(dsn, **options)
    except (ValueError, OverflowError):  # asyncpg's ClientConfigurationError too; a port beyond all
        raise UnusableDsn from None


def explain(error: BaseException) -> tuple[str, str]:
    """What `error`, raised while shipping, says of Postgres, and what to do there."""
    told = str(error).strip() or type(error).__name__
    return told, _remedy(error)


def _remedy(error: BaseException) -> str:
    match error:
        case UnusableDsn():
            return DSN_REMEDY
        case asyncpg.ReadOnlySQLTransactionError() | asyncpg.TargetServerAttributeNotMatched():
            return (
                "Postgres takes no writes: promote a server, end default_transaction_read_only, or name every "
                "server in PBX112_DSN with target_session_attrs=read-write"
            )
        case asyncpg.DiskFullError():
            return "Postgres' disk is full: make room there"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "Postgres refuses the login: make PBX112_DSN and the account's password agree"
        case asyncpg.InvalidCatalogNameError() | asyncpg.SyntaxOrAccessError():
            return "see `pbx112 check`, and run `pbx112 migrate` where the schema is missing"
        case asyncpg.LockNotAvailableError() | asyncpg.QueryCanceledError():
            return (
                "another session holds a lock on the records, or Postgres is too slow: see pg_stat_activity"
            )
        case (
            OSError()
            | TimeoutError()
            | asyncpg.InterfaceError()
            | asyncpg.PostgresConnectionError()
            | asyncpg.CannotConnectNowError()
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
        ):
            return (
                "Postgres cannot be reached, or does not answer: see its log, `systemctl status postgresql`"
            )
        case JournalError():
            return "the journal cannot be read: see `pbx112 status`, and `dmesg` for its disk"
        case asyncpg.PostgresError():
            return f"see Postgres' log ({type(error).__name__})"
        case _:
            return f"a fault of pbx112 itself ({type(error).__name__}): tell who maintains it"
