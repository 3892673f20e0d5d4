"""`pbx112 migrate`."""

from __future__ import annotations

import asyncio

from pbx112.cdr import migrate as bring_up_to_date
from pbx112.cli.database import OWNER, REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import dsn_of, settings_for
from pbx112.cli.screen import plain, say, waiting


def migrate() -> None:
    """Bring the records' tables in Postgres up to date. May be repeated: what is done already is not done again.

    \b
    sudo -u postgres -g pbx112 PBX112_DSN=postgresql:///pbx112 pbx112 migrate

    It needs an account that may create in this database; the daemon's own needs no such right afterwards.
    """
    dsn = dsn_of(settings_for(ari=False))
    with waiting("Postgres: bringing the records' tables up to date"):
        try:
            applied = asyncio.run(bring_up_to_date(dsn, on_step=lambda step: say(f"  {plain(step)}")))
        except REFUSALS as error:
            raise Failed(explain(error, OWNER)) from None
    many = f"{len(applied)} migration{'s' if len(applied) != 1 else ''} applied"
    say(f"{many}: the tables are up to date" if applied else "nothing to do: the tables are up to date")
