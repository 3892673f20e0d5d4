"""A password with a sign that a DSN gives a meaning: it is told what to mend, and no part of the password is."""

from __future__ import annotations

import asyncpg
import pytest

from pbx112.alarms.database import Database
from pbx112.cdr.migrate import pending
from pbx112.cdr.store import connect
from pbx112.cdr.trouble import DSN_REMEDY, DSN_UNUSABLE, explain

PASSWORDS = ("Rahasia/112", "Rahasia#112", "Rahasia?112", "Rahasia[112")


@pytest.mark.parametrize("password", PASSWORDS)
async def test_what_is_said_of_it_holds_no_part_of_the_password(password: str) -> None:
    """The log, /healthz and `systemctl status` have the shipper's words, a message to a telephone the alarms'."""
    dsn = f"postgresql://pbx112:{password}@127.0.0.1/pbx112"
    for refused in connect(dsn, "ship"), pending(dsn):
        with pytest.raises(asyncpg.InterfaceError) as caught:
            await refused
        assert explain(caught.value) == (DSN_UNUSABLE, DSN_REMEDY)
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert await Database(dsn, 1.0).trouble() == f"{DSN_UNUSABLE}; {DSN_REMEDY}"


@pytest.mark.parametrize(
    "dsn",
    [
        "host=127.0.0.1 password=Rahasia112",
        "postgres//pbx112:Rahasia112@127.0.0.1/x",
        "postgres://pbx112:Rahasia112@127.0.0.1:54320000/x",
    ],
)
async def test_an_address_of_another_form_is_not_a_postgres_that_is_away(dsn: str) -> None:
    with pytest.raises(asyncpg.InterfaceError) as caught:
        await connect(dsn, "ship")
    assert explain(caught.value) == (DSN_UNUSABLE, DSN_REMEDY)
