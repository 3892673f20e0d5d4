"""Whether Postgres answers: one connection, kept as long as it holds."""

from __future__ import annotations

import asyncio

import asyncpg

from pbx112.cdr.trouble import connected, explain


class Database:
    """`within`: seconds in which it has to answer, a new connection included."""

    def __init__(self, dsn: str, within: float) -> None:
        self._dsn = dsn
        self._within = within
        self._connection: asyncpg.Connection | None = None

    async def trouble(self) -> str:
        """Why it cannot be used; empty where it can. A connection that was lost is replaced once a look."""
        try:
            async with asyncio.timeout(self._within):
                if not await self._still_holds():
                    self._connection = await connected(
                        self._dsn,
                        timeout=self._within,
                        server_settings={"application_name": "pbx112 alarms"},
                    )
                    await self._connection.execute("SELECT 1")
        except TimeoutError:
            self.close()
            return f"no answer within {self._within:g} s"
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.close()
            return "; ".join(explain(error))
        return ""

    def close(self) -> None:
        """Let the connection go, at once."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def _still_holds(self) -> bool:
        if self._connection is None:
            return False
        try:
            await self._connection.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.close()
            return False
        return True
