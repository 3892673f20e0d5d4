"""Postgres' refusals in an administrator's words."""

from __future__ import annotations

import asyncpg

from pbx112.cdr.trouble import DSN_REMEDY, DSN_UNUSABLE

REFUSALS = (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What connecting and asking can raise."""

READER = (
    "an account in pbx112_writer (the daemon's), or for reading pbx112_auditor, where whole numbers or exact bytes are "
    "read pbx112_unmasked"
)
PROVER = "an account in pbx112_unmasked"
KEEPER = "an account in pbx112_keeper, that of /etc/pbx112/retention.env"
OWNER = "the owner's account: sudo -u postgres -g pbx112 PBX112_DSN=postgresql:///pbx112 pbx112 …"
"""Which account a command takes, for who came with another one."""


def explain(error: Exception, account: str = READER) -> str:
    """Why Postgres could not serve, and the remedy; `account` is what this command takes.

    Never holds a password: asyncpg's words on a DSN might.
    """
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
            return f"Postgres: {error}; use {account}"
        case asyncpg.PostgresError():  # what follows in further lines may hold a whole row
            return f"Postgres: {str(error).partition(chr(10))[0]}; see Postgres' own log"
        case TimeoutError():
            return "Postgres does not answer in time; check the address in PBX112_DSN, firewall and load"
        case OSError():
            why = error.strerror or str(error)
            return f"Postgres cannot be reached ({why}); see whether it runs, and the address in PBX112_DSN"
        case _:
            return f"{DSN_UNUSABLE}; {DSN_REMEDY}"
