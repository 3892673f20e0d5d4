"""`pbx112 salvage`."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pbx112.cdr.salvage import OtherJournal, Sent, send_salvaged
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import dsn_of, settings_for
from pbx112.cli.screen import plain, say, screen
from pbx112.journal import JournalError, Reader, Salvaged, Stretch, holder
from pbx112.journal import salvage as copy_sound

_NAMED = 20
"""Stretches and calls that are named on the screen."""


def salvage(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A journal that was set aside.")],
    check: Annotated[
        bool, typer.Option("--check", help="Send nothing: only say what of it can be read.")
    ] = False,
) -> None:
    """Send to Postgres what had not arrived of a journal that was set aside as damaged.

    \b
    pbx112 salvage /var/lib/pbx112/journal.db.damaged-20260723T094640.000000Z

    The file (with its -wal beside it) is copied and never changed. What is sent is proven by the chain of hashes; what
    is missing in between is named here and by the view pbx112.broken_link. Doing it again sends nothing twice.
    """
    settings = settings_for(ari=False)
    dsn = "" if check else dsn_of(settings)
    if holder(file) is not None:
        raise Failed(
            f"{file} is in use by a daemon: this is for a file that was set aside (journal.db.damaged-…)"
        )
    console = screen(errors=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(prefix="pbx112-salvage-") as folder,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        sound = Path(folder) / "sound.db"
        reading = progress.add_task("reading", total=None)
        try:
            found = copy_sound(
                file, sound, lambda at, total: progress.update(reading, completed=at, total=total)
            )
        except JournalError as error:
            raise Failed(
                f"nothing of it can be read: {plain(str(error))}; keep the file and its -wal"
            ) from None
        except (OSError, sqlite3.Error) as error:
            raise Failed(
                f"it cannot be copied: {plain(str(error))}; name a readable file, and see `df`"
            ) from None
        sent = None
        if not check:
            sending = progress.add_task("sending", total=None)
            try:
                with Reader(sound) as reader:
                    sent = asyncio.run(
                        send_salvaged(
                            dsn,
                            reader,
                            settings.node,
                            lambda at, total: progress.update(sending, completed=at, total=total),
                        )
                    )
            except OtherJournal as error:
                raise Failed(f"{error}; nothing was sent. Keep {file} for the auditor") from None
            except REFUSALS as error:
                raise Failed(explain(error)) from None
    _tell(found, sent)


def _tell(found: Salvaged, sent: Sent | None) -> None:
    say(f"journal {found.journal_id}")
    say(f"  proven: {_named(found.sound) or 'nothing'}")
    say(f"  lost:   {_named(found.lost) or 'nothing'}")
    if not found.last_known:
        say("  its last number cannot be read: more may be lost behind these")
    if sent is None:
        return
    say(
        f"Postgres had entries up to {sent.before}; {sent.entries} sent, with the records of {sent.calls} calls"
    )
    for call_id in sent.standing[:_NAMED]:
        say(f"  {plain(call_id)}: has a record already, which stays; `pbx112 rebuild --check` compares it")
    for call_id in sent.told_elsewhere[:_NAMED]:
        say(
            f"  {plain(call_id)}: another journal tells of it, too; `pbx112 rebuild` puts both together",
            "yellow",
        )


def _named(stretches: Sequence[Stretch]) -> str:
    words = [str(s.first) if s.first == s.last else f"{s.first}-{s.last}" for s in stretches[:_NAMED]]
    more = len(stretches) - _NAMED
    return ", ".join(words) + (f" … and {more} more" if more > 0 else "")
