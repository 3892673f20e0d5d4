"""Postgres' refusals in an administrator's words."""

from __future__ import annotations

import asyncpg

from pbx112.cdr.trouble import DSN_REMEDY, DSN_UNUSABLE

REFUSALS = (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What connecting and asking can raise."""


def explain(error: Exception) -> str:
    """Why Postgres could not serve, and the remedy. Never holds a password: asyncpg's words on a DSN might."""
    match error:
        case asyncpg.InvalidPasswordError():
            return f"Postgres refuses the login ({error}); mend user and password in PBX112_DSN"
        case asyncpg.InvalidAuthorizationSpecificationError():
            return f"Postgres does not let this account in ({error}); see pg_hba.conf, and create the role"
        case asyncpg.InvalidCatalogNameError():
            return f"Postgres: {error}; create it (`createdb`), then `pbx112 migrate`"
        case (
            asyncpg.UndefinedTableError()
            | asyncpg.InvalidSchemaNameError()
            | asyncpg.UndefinedFunctionError()
        ):
            return "Postgres has not got the records' tables; run `pbx112 migrate`"
        case asyncpg.InsufficientPrivilegeError():
            return (
                f"Postgres: {error}; use an account in pbx112_writer (the daemon's), or for "
                "reading pbx112_auditor, where whole numbers or exact bytes are read pbx112_unmasked"
            )
        case asyncpg.PostgresError():
            return f"Postgres: {error}; see Postgres' own log"
        case TimeoutError():
            return "Postgres does not answer in time; check the address in PBX112_DSN, firewall and load"
        case OSError():
            why = error.strerror or str(error)
            return f"Postgres cannot be reached ({why}); see whether it runs, and the address in PBX112_DSN"
        case _:
            return f"{DSN_UNUSABLE}; {DSN_REMEDY}"
