"""`pbx112 cdr`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from pbx112.cdr import CallRecord, LegRecord, RecordingRecord
from pbx112.cdr import last_calls as last_in_postgres
from pbx112.cdr import story_of as story_in_postgres
from pbx112.cdr.recordings import Recordings
from pbx112.cdr.values import moment
from pbx112.cli import journal_view
from pbx112.cli.database import REFUSALS, explain
from pbx112.cli.errors import Failed
from pbx112.cli.options import Agencies, StoryLang, settings_for
from pbx112.cli.screen import complain, plain, say, screen, table, waiting
from pbx112.cli.story import caller_of, description, masked, masked_target, owner_name, sentence
from pbx112.cli.timeline import as_svg, bars, for_terminal
from pbx112.journal import JournalError
from pbx112.log import mask
from pbx112.model import events as ev
from pbx112.plan.load import PlanError, load_plan
from pbx112.settings import Settings
from pbx112.words import Language

T = TypeVar("T")

SECONDS = 10.0
"""How long Postgres may take before the journal is asked."""


class Line(msgspec.Struct, frozen=True):
    """One event of a call's story; `event` is None where this version does not know its kind."""

    at: datetime
    kind: str
    event: ev.Event | None


class Recording(msgspec.Struct, frozen=True):
    """A recording by its name in the records; its file on this machine, and the checksum that it has now. `missing`
    says why there is none."""

    name: str
    result: str
    seconds: float | None
    file: str = ""
    sha256: str = ""
    missing: str = ""


class Told(msgspec.Struct, frozen=True):
    """One call in full; `call` is None while it has not ended."""

    call: CallRecord | None
    legs: list[LegRecord]
    story: list[Line]
    recordings: list[Recording] = []


def show(
    call_id: Annotated[str | None, typer.Argument(metavar="[CALL_ID]", help="One call in full.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=10_000, help="How many calls.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, with times in UTC.")] = False,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show callers' numbers whole.")] = False,
    lang: StoryLang = "en",
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the call's timeline into FILE.")
    ] = None,
    agencies: Agencies = None,
) -> None:
    """Show the last calls, or one call in full: its timeline and legs, its recordings, and its story event by event.

    \b
    The last calls:     pbx112 cdr --last 50
    One call:           pbx112 cdr show 1764210000.12 --lang id --svg call.svg
    For a program:      pbx112 cdr --last 1000 --json

    It reads Postgres, and is noted in the access log there; where Postgres is not there, it reads the journal of this
    machine, and says so. Numbers are masked; --unmask takes an account in pbx112_unmasked (or the daemon's). Times are
    in the service's time zone. `ring s` lasts until a human accepted, `talk s` is the caller's time with humans.
    """
    settings = settings_for(agencies, ari=False)
    if call_id is None:
        calls = _last(settings, last, unmask)
        if as_json:
            print_json([_row(call, unmask) for call in calls])
        else:
            print_calls(calls, _zone(settings), unmask)
        return
    told = _story(settings, call_id, unmask)
    if told is None:
        raise Failed(f"no call {plain(call_id)!r} is known; `pbx112 cdr` lists the last ones")
    language: Language = "id" if lang == "id" else "en"
    if svg is not None:
        _draw(svg, call_id, told, language)
    if as_json:
        print_json(_whole(told, unmask))
    else:
        _print_call(call_id, told, _zone(settings), unmask, language)


def _last(settings: Settings, limit: int, unmask: bool) -> list[CallRecord]:
    if settings.dsn is not None:
        try:
            return ask(last_in_postgres(settings.dsn.get_secret_value(), limit, unmasked=unmask))
        except REFUSALS as error:
            complain(f"{explain(error)}; here is the journal of this machine", "yellow")
    else:
        complain("PBX112_DSN is not set; here is the journal of this machine", "yellow")
    with journal_view.open_journal(settings.journal) as reader:
        return journal_view.last_calls(reader, limit, settings.node)


def _story(settings: Settings, call_id: str, unmask: bool) -> Told | None:
    """From Postgres; from the journal where that is not there, or has not got the whole call (yet)."""
    told: Told | None = None
    asked = settings.dsn is not None
    if settings.dsn is not None:
        try:
            found = ask(story_in_postgres(settings.dsn.get_secret_value(), call_id, unmasked=unmask))
        except REFUSALS as error:
            asked = False
            complain(f"{explain(error)}; here is the journal of this machine", "yellow")
        else:
            if found is not None:
                story = [Line(event.at, event.kind, _event(event.body)) for event in found.events]
                told = Told(found.call, found.legs, story, _recordings(found.recordings, settings.recordings))
    if told is not None and told.call is not None:
        return told
    try:
        return _story_in_journal(settings, call_id) or told
    except (Failed, JournalError):
        if asked:
            return told
        raise


def _story_in_journal(settings: Settings, call_id: str) -> Told | None:
    with journal_view.open_journal(settings.journal) as reader:
        told = journal_view.story_of(reader, call_id, settings.node)
    if told is None:
        return None
    lines = [Line(moment(fact.at.utc_us), type(fact.event).__name__, fact.event) for fact in told.events]
    made = _recordings(told.recordings, settings.recordings)
    return Told(told.call, list(told.legs), lines, made)


def _recordings(known: Sequence[RecordingRecord], folder: Path) -> list[Recording]:
    """The recordings, each with its file as it is on this machine now."""
    made: list[Recording] = []
    for record in known:
        there = Recording(record.name, record.result, record.seconds)
        try:
            with Recordings(folder) as opened:
                for file, _ in opened.files(record.name):
                    digest = opened.sha256(file)
                    made.append(msgspec.structs.replace(there, file=str(folder / file), sha256=digest))
                    break
                else:
                    why = f"no file of it in {folder}"
                    made.append(msgspec.structs.replace(there, missing=why))
        except OSError as error:
            why = f"{folder} cannot be read ({(error.strerror or 'error').lower()})"
            made.append(msgspec.structs.replace(there, missing=why))
    return made


def _draw(file: Path, call_id: str, told: Told, language: Language) -> None:
    if told.call is None:
        raise Failed("a call that has not ended has no timeline yet")
    try:
        file.write_text(as_svg(f"112 · {call_id}", bars(told.call, told.legs, language)), encoding="utf-8")
    except OSError as error:
        raise Failed(f"{file}: cannot be written ({error.strerror}); name another file with --svg") from None


def ask(question: Coroutine[Any, Any, T]) -> T:
    """Postgres' answer, in bounded time."""

    async def bounded() -> T:
        async with asyncio.timeout(SECONDS):
            return await question

    with waiting("asking Postgres"):
        return asyncio.run(bounded())


def _event(body: dict[str, Any]) -> ev.Event | None:
    try:
        event: ev.Event = msgspec.convert(body, ev.Event)
    except msgspec.ValidationError:
        return None
    return event


def _zone(settings: Settings) -> tzinfo | None:
    """The service's time zone; where the plan is bad, this machine's."""
    try:
        return load_plan(settings.agencies).plan.service.timezone
    except PlanError:
        complain(f"{settings.agencies} cannot be used; times are this machine's", "yellow")
        return None


# As JSON


def print_json(value: object) -> None:
    """As JSON, times in UTC."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _row(call: CallRecord, unmask: bool) -> CallRecord:
    if unmask:
        return call
    caller = None if call.caller is None else mask(call.caller)
    return msgspec.structs.replace(call, caller=caller, caller_raw=mask(call.caller_raw))


def _whole(told: Told, unmask: bool) -> Told:
    call = None if told.call is None else _row(told.call, unmask)
    return Told(call, told.legs, [_line(line, unmask) for line in told.story], told.recordings)


def _line(line: Line, unmask: bool) -> Line:
    return line if unmask else msgspec.structs.replace(line, event=_event_masked(line.event))


def _event_masked(event: ev.Event | None) -> ev.Event | None:
    match event:
        case ev.CallerDescribed():
            return masked(event)
        case ev.CallArrived():
            caller = None if event.caller is None else mask(event.caller)
            return msgspec.structs.replace(event, caller=caller, caller_raw=mask(event.caller_raw))
        case ev.CallBackPlaced():
            return msgspec.structs.replace(event, number=mask(event.number))
        case ev.CallTransferred(owner=""):
            return masked_target(event)
        case _:
            return event


# For people


def print_calls(calls: list[CallRecord], zone: tzinfo | None, unmask: bool) -> None:
    """A line for each call."""
    if not calls:
        say("no calls yet")
        return
    rows = table("arrived", "caller", "outcome", "answered by", "ring s", "talk s", "call")
    for call in calls:
        rows.add_row(
            f"{call.arrived_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            plain(caller_of(call.caller_raw, call.caller, unmask=unmask)),
            call.outcome,
            plain(_answered_by(call)),
            f"{call.ring_seconds:.1f}",
            f"{call.talk_seconds:.1f}",
            plain(call.call_id),
        )
    screen().print(rows)


def _answered_by(call: CallRecord) -> str:
    if call.answered_by_owner is None:
        return "nobody"
    return f"{owner_name(call.answered_by_owner)} {call.answered_by_line or ''}".rstrip()


def _print_call(call_id: str, told: Told, zone: tzinfo | None, unmask: bool, language: Language) -> None:
    say(f"call {plain(call_id)}", "bold")
    for label, value in _facts(told.call, zone, unmask):
        say(f"  {label:<12} {plain(value)}")
    described = next((line.event for line in told.story if isinstance(line.event, ev.CallerDescribed)), None)
    for label, value in description(described, unmask=unmask, language=language) if described else []:
        say(f"  {label:<12} {plain(value)}")
    for recording in told.recordings:
        long = "" if recording.seconds is None else f", {recording.seconds:.1f} s"
        where = f"{recording.file}  sha256 {recording.sha256}" if recording.file else recording.missing
        say(f"  {'recording':<12} {plain(recording.name)} ({recording.result}{long}): {plain(where)}")
    if told.call is not None:
        say("")
        screen().print(for_terminal(bars(told.call, told.legs, language)))
    if told.legs:
        say("")
        screen().print(_legs(told.legs, zone))
    say("")
    say("What happened", "bold")
    for line in told.story:
        text = line.kind if line.event is None else sentence(line.event, unmask=unmask, language=language)
        say(f"  {line.at.astimezone(zone):%H:%M:%S.%f}"[:-3] + f"  {plain(text)}")


def _facts(call: CallRecord | None, zone: tzinfo | None, unmask: bool) -> list[tuple[str, str]]:
    if call is None:
        return [("outcome", "none yet: the call has not ended")]
    return [
        ("arrived", f"{call.arrived_at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"),
        ("caller", caller_of(call.caller_raw, call.caller, unmask=unmask)),
        ("outcome", f"{call.outcome}, ended by {call.ended_by}"),
        ("answered by", _answered_by(call)),
        ("incident", call.incident or "none chosen"),
        ("ring", f"{call.ring_seconds:.1f} s"),
        *([("waited", f"{call.wait_seconds:.1f} s of these")] if call.wait_seconds else []),
        ("talk", f"{call.talk_seconds:.1f} s"),
        ("handled by", "the dialplan alone (fallback)" if call.via == "fallback" else "the daemon"),
        ("plan", call.plan),
    ]


def _legs(legs: list[LegRecord], zone: tzinfo | None) -> Any:
    rows = table("leg", "at", "agency", "line", "result", "cause", "SIP", "ring s", "talk s", title="Legs")
    for leg in legs:
        rows.add_row(
            str(leg.leg),
            f"{leg.offered_at.astimezone(zone):%H:%M:%S}",
            plain(owner_name(leg.owner)),
            plain(leg.line),
            leg.result + (f" ({plain(leg.detail)})" if leg.detail else ""),
            "" if leg.cause is None else str(leg.cause),
            "" if leg.sip is None else str(leg.sip),
            f"{leg.ring_seconds:.1f}",
            f"{leg.talk_seconds:.1f}",
        )
    return rows
