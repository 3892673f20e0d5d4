"""What runs is what was asked for (`make matrix` asks for others), and it is whole from the first call to the audit."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
from typing import Any

import asyncpg

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import SILENT, Answers
from lab.postgres import programs
from lab.root import find_root
from lab.versions import said

from .plans import plan


async def pbx112(exchange: Exchange, *arguments: str, dsn: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the administrator would, beside the daemon."""
    told = os.environ | exchange.daemon.environment | {"PBX112_DSN": dsn}
    command = [sys.executable, "-m", "pbx112", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=told, capture_output=True, text=True, check=False
    )


async def test_the_versions_are_those_that_were_asked_for(
    exchange: Exchange, record_testsuite_property: Any
) -> None:
    runs = re.search(r"Asterisk (\S+)", await exchange.asterisk.ask("core show version"))
    connection = await asyncpg.connect(exchange.dsn)
    try:
        serves = str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()
    assert runs is not None
    record_testsuite_property("asterisk", runs[1])
    record_testsuite_property("postgres", serves)
    record_testsuite_property("python", platform.python_version())
    assert runs[1].startswith(said("chroot", find_root(), "/usr/sbin/asterisk", "-V"))
    if exchange.owns_postgres:
        assert serves == said(programs() / "postgres", "--version")


async def test_a_call_is_recorded_verified_and_nothing_is_wrong(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": Answers(after=0.2), "1102": SILENT})
    caller = Caller(talk=0.5)
    await (await exchange.dial(caller)).ended()
    assert (await exchange.record(caller)).outcome == "answered"
    await exchange.quiet()
    verified = await pbx112(exchange, "audit", "verify", dsn=exchange.dsn)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    checked = await pbx112(exchange, "check", "--json", dsn=exchange.daemon.settings["dsn"])
    assert checked.returncode == 0, checked.stdout
    sections = json.loads(checked.stdout)["sections"]
    told = [item["what"] for section in sections for item in section["items"] if item["level"] == "right"]
    assert any("needed modules are running" in what for what in told), told
    assert "the dialplan is loaded and up to date" in told
