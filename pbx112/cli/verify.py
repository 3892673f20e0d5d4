"""`pbx112 verify`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pbx112.cdr.tested import LineTested
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, Lang, dsn_of, language_of, plan_of, settings_for
from pbx112.cli.screen import complain, plain, say, screen, table
from pbx112.cli.story import owner_name
from pbx112.cli.verify_paper import check_paper, stored, write_paper
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
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Write the record of verification there.")
    ] = None,
    run: Annotated[
        str,
        typer.Option("--run", metavar="RUN", help="Call nobody: this run's results from Postgres; or last."),
    ] = "",
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE.json", help="Call nobody: hold a record against Postgres."),
    ] = None,
    lang: Lang = "",
    agencies: Agencies = None,
) -> None:
    """Call every line of every agency with a test: does a human answer, and does sound pass both ways?

    \b
    All of them, on paper:   pbx112 verify --pdf berita-acara.pdf
    Some:                    pbx112 verify --agency damkar --agency bpbd
    One line, once:          pbx112 verify --line 2101 --tries 1
    A run of before:         pbx112 verify --run last --pdf berita-acara.pdf
    Was it changed:          pbx112 verify --check berita-acara.json

    The officer hears that this is a test, is asked to press 1, then to say a name. A citizen's call that needs the
    line, or the trunk, ends the test at once, and the line is tried again. The running daemon does the calling; Ctrl-C
    ends all test calls. It needs to run as root or as pbx112 on the daemon's machine.

    Exit code 0: all lines are verified (with --run: were); 1: some are not.
    """
    settings = settings_for(agencies, ari=False)
    known = plan_of(settings)
    language = language_of(lang, known)
    if check is not None:
        check_paper(check, dsn_of(settings))
        return
    if run:
        found = stored(dsn_of(settings), run)
        _print([_Row.stored(each) for each in found.lines], language)
        if pdf is not None:
            write_paper(pdf, found, known, language)
        _judge([each.result for each in found.lines])
        return
    dsn = "" if pdf is None else dsn_of(settings)  # before anybody is called
    order = Order(
        agencies=tuple(agency or ()),
        lines=tuple(line or ()),
        tries=tries,
        again_after=again_after,
        at_once=at_once,
        patience=patience,
        on_duty_only=on_duty,
    )
    name, results, complete = _order(socket_beside(settings.journal), order)
    _print([_Row.told(each) for each in results], language)
    if not complete:
        raise Failed("the verification was broken off; the results so far are in the records")
    if pdf is not None:
        write_paper(pdf, stored(dsn, name, len(results)), known, language)
    _judge([each.result for each in results])


def _judge(results: Sequence[str]) -> None:
    """The last word, and the exit code."""
    bad = sum(result != TestResult.VERIFIED for result in results)
    if bad or not results:
        complain(f"{bad} of {len(results)} lines are not verified")
        raise typer.Exit(1)
    say(f"all {len(results)} lines are verified", "green")


def _order(path: Path, order: Order) -> tuple[str, list[LineTestEnded], bool]:
    """The run's name, the last result of each line, and whether it came to its end."""
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
    return following.run, list(following.results.values()), following.complete


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
            plain(f"{event.owner} {event.number}: {_result(event.result, event.detail, 'en')}{more}"),
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


class _Row(NamedTuple):
    agency: str
    line: str
    officer: str
    result: str
    detail: str
    attempt: int
    answer: float | None
    accept: float | None

    @classmethod
    def told(cls, event: LineTestEnded) -> _Row:
        return cls(
            event.owner_name or owner_name(event.owner),
            event.number,
            event.name,
            event.result,
            event.detail,
            event.attempt,
            event.answered_after,
            event.accepted_after,
        )

    @classmethod
    def stored(cls, each: LineTested) -> _Row:
        return cls(
            each.owner_name or owner_name(each.owner),
            each.line,
            each.officer,
            each.result,
            each.detail,
            each.attempt,
            each.seconds_to_answer,
            each.seconds_to_accept,
        )


def _print(results: Sequence[_Row], language: Language) -> None:
    if not results:
        return
    rows = table("agency", "line", "name", "result", "try", "answer s", "accept s", title="\nLines")
    for each in results:
        rows.add_row(
            plain(each.agency),
            plain(each.line),
            plain(each.officer),
            _result(each.result, each.detail, language),
            str(each.attempt),
            _seconds(each.answer),
            _seconds(each.accept),
        )
    screen().print(rows)


def _result(result: str, detail: str, language: Language) -> str:
    why = f" ({word(TEST_DETAILS, detail, language)})" if detail else ""
    return word(TESTS, result, language) + why


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
