"""`pbx112 verify`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, Lang, language_of, plan_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen, table
from pbx112.cli.story import owner_name
from pbx112.model.events import LineTestEnded, LineTestPlaced, TestResult
from pbx112.verify.wire import (
    LONGEST_ORDER,
    Accepted,
    Order,
    Refusal,
    Told,
    encode,
    read_told,
    socket_beside,
)
from pbx112.words import TEST_DETAILS, TESTS, Language, word


def verify(
    agency: Annotated[
        list[str] | None,
        typer.Option("--agency", metavar="KEY", help="Only this agency's lines; repeatable."),
    ] = None,
    line: Annotated[
        list[str] | None, typer.Option("--line", metavar="NUMBER", help="Only this line; repeatable.")
    ] = None,
    tries: Annotated[int, typer.Option("--tries", min=1, max=5, help="How often a line is called.")] = 2,
    again_after: Annotated[
        float, typer.Option("--again-after", min=0, max=3600, help="Seconds until it is called again.")
    ] = 60.0,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=10, help="Agencies called at once.")] = 3,
    patience: Annotated[
        float, typer.Option("--patience", min=0, max=3600, help="Seconds to wait for a line that is in use.")
    ] = 300.0,
    on_duty: Annotated[bool, typer.Option("--on-duty", help="Leave out who is off duty now.")] = False,
    lang: Lang = "",
    agencies: Agencies = None,
) -> None:
    """Call every line of every agency with a test: does a human answer, and does sound pass both ways?

    \b
    All of them:      pbx112 verify
    Some:             pbx112 verify --agency damkar --agency bpbd
    One line, once:   pbx112 verify --line 2101 --tries 1

    The officer hears that this is a test, is asked to press 1, then to say a name. A citizen's call that needs the
    line, or the trunk, ends the test at once, and the line is tried again. The running daemon does the calling; Ctrl-C
    ends all test calls. It needs to run as root or as pbx112 on the daemon's machine.

    Exit code 0: all lines are verified; 1: some are not.
    """
    settings = settings_for(agencies, ari=False)
    language = language_of(lang, plan_of(settings))
    order = Order(
        agencies=tuple(agency or ()),
        lines=tuple(line or ()),
        tries=tries,
        again_after=again_after,
        at_once=at_once,
        patience=patience,
        on_duty_only=on_duty,
    )
    results, complete = _order(socket_beside(settings.journal), order)
    _print(results, language)
    if not complete:
        raise Failed("the verification was broken off; the results so far are in the records")
    bad = sum(each.result is not TestResult.VERIFIED for each in results)
    if bad or not results:
        complain(f"{bad} of {len(results)} lines are not verified")
        raise typer.Exit(1)
    say(f"all {len(results)} lines are verified", "green")


def _order(path: Path, order: Order) -> tuple[list[LineTestEnded], bool]:
    """The last result of each line, and whether it came to its end."""
    console = screen(errors=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        following = _Following(progress)
        try:
            asyncio.run(following.through(path, order))
        except KeyboardInterrupt:
            complain("broken off: all test calls have ended", "yellow")
    if following.refused:
        raise Failed(f"the daemon refuses: {plain(following.refused)}")
    return list(following.results.values()), following.complete


class _Following:
    """What the daemon tells of a run, as a bar and as results."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar: TaskID = progress.add_task("verifying")
        self._lines = 0
        self.run = ""
        self.refused = ""
        self.complete = False
        self.results: dict[tuple[str, str], LineTestEnded] = {}

    async def through(self, path: Path, order: Order) -> None:
        """Order it and follow it to its end. Raises :class:`Failed` where no daemon can be told."""
        async for told in _conversation(path, order):
            match told:
                case Refusal(why=why):
                    self.refused = why
                case Accepted(run=run, lines=lines):
                    self.run, self._lines = run, len(lines)
                    self._progress.update(self._bar, total=len(lines))
                    self._progress.console.print(f"verification {run}: {len(lines)} lines", style="dim")
                case LineTestPlaced(owner=owner, number=number):
                    self._progress.update(self._bar, description=f"calls {plain(owner)} {plain(number)}")
                case LineTestEnded():
                    self._ended(told)
                case _:  # begins, or is over
                    self.complete = getattr(told, "complete", False)

    def _ended(self, event: LineTestEnded) -> None:
        self.results[event.owner, event.number] = event
        if not event.again:
            self._progress.advance(self._bar)
        more = "; will be called again" if event.again else ""
        self._progress.console.print(
            plain(f"{event.owner} {event.number}: {_result(event, 'en')}{more}"),
            style="green" if event.result is TestResult.VERIFIED else "yellow" if event.again else "red",
        )


async def _conversation(path: Path, order: Order) -> AsyncIterator[Told]:
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=16 * LONGEST_ORDER)
    except PermissionError:
        raise Failed(f"{path}: may not be used by this user; run as root or as pbx112") from None
    except OSError as error:
        raise Failed(
            f"{path}: no daemon takes orders here ({error.strerror or error}); the daemon that serves must run on this "
            "machine (`pbx112 status`), and PBX112_JOURNAL must be the same for both"
        ) from None
    try:
        writer.write(encode(order))
        await writer.drain()
        while answer := await reader.readline():
            try:
                yield read_told(answer)
            except msgspec.MsgspecError as error:
                raise Failed(f"the daemon is of another version: {error}; restart it") from None
    except ConnectionError:
        return
    finally:
        writer.close()


def _print(results: Sequence[LineTestEnded], language: Language) -> None:
    if not results:
        return
    rows = table("agency", "line", "name", "result", "try", "answer s", "accept s", title="\nLines")
    for each in results:
        rows.add_row(
            plain(each.owner_name or owner_name(each.owner)),
            plain(each.number),
            plain(each.name),
            _result(each, language),
            str(each.attempt),
            _seconds(each.answered_after),
            _seconds(each.accepted_after),
        )
    screen().print(rows)


def _result(event: LineTestEnded, language: Language) -> str:
    why = f" ({word(TEST_DETAILS, event.detail, language)})" if event.detail else ""
    return word(TESTS, event.result, language) + why


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
