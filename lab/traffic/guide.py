"""The queries in the auditor's guide and the answers beside them: read from the document, asked, and written anew.

After every block of SQL in the guide stands its answer on the sample, a table: a query and what it answers can so never
part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDES = (DOCS / "auditor.en.md", DOCS / "auditor.id.md")

_ASKED = re.compile(r"```sql\n(?P<sql>.*?)\n```\n(?P<answer>(?:\n(?:\|[^\n]*\n)+)?)", re.DOTALL)
_HEADING = re.compile(r"^### ([0-9]+)\. ", re.MULTILINE)


def queries(text: str) -> dict[str, str]:
    """The queries of the guide `text`, in order, each with the answer that stands below it; empty where none does."""
    return {match["sql"]: match["answer"].strip("\n") for match in _ASKED.finditer(text)}


def questions(text: str) -> dict[int, str]:
    """The numbered questions, and the query of each."""
    parts = _HEADING.split(text)
    return {
        int(number): next(iter(queries(part)), "")
        for number, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def with_answers(text: str, answers: Mapping[str, str]) -> str:
    """The guide with these answers below its queries."""
    return _ASKED.sub(lambda match: f"```sql\n{match['sql']}\n```\n\n{answers[match['sql']]}\n", text)


async def ask(dsn: str, asked: Sequence[str]) -> dict[str, str]:
    """What the database at `dsn` answers to each query, as a table. Raises asyncpg's errors."""
    connection = await asyncpg.connect(dsn)
    try:
        return {sql: await _table(connection, sql) for sql in asked}
    finally:
        await connection.close()


async def _table(connection: asyncpg.Connection, sql: str) -> str:
    statement = await connection.prepare(sql)
    names = [attribute.name for attribute in statement.get_attributes()]
    lines = [names, ["---"] * len(names)]
    lines += [[_cell(value) for value in row.values()] for row in await statement.fetch()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value).replace("|", "\\|")
