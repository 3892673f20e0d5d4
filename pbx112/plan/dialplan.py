"""Renders the plan as dialplan: the intake, and the fallback that rings the same lines without the daemon.

`docs/architecture.md` ("A call, step by step") is the rule for both; the order in which agencies follow each
other is the same as in :mod:`pbx112.model.decide`. What stands in the fallback's records is defined in
:mod:`pbx112.cdr.fallback`.

Only the plan's own words enter this file, and each is checked once more here: nothing that Asterisk gives a
meaning can be among them. What a caller sent is nowhere evaluated; it is URI-encoded where it is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from math import ceil

from pbx112.plan.dialled import DESK as DESK_LINES
from pbx112.plan.dialled import TRANSFERS, dialled
from pbx112.plan.dialplan_parts import (
    ANYTHING,
    DESK,
    HEADERS,
    INTAKE,
    LISTEN,
    NAMES,
    NOTED,
    NOTES,
    RECORD,
    TRANSFER_TRIES,
    TRANSFERRED,
    WITHOUT_PLAN,
)
from pbx112.plan.duty_times import timespecs
from pbx112.plan.types import CALL_TAKERS, MENU, Agency, CallTakers, Line, Plan

RECORDS = "/var/log/asterisk/pbx112-fallback.csv"
"""Where Asterisk writes down the calls of the fallback, unless told otherwise."""

AGI = "127.0.0.1:4573"
"""Where the daemon serves desk codes, unless told otherwise."""

MARGIN = 5
"""Seconds by which a wave outlasts its longest line, so that each line ends by its own limit."""

_SAFE = re.compile(r"[A-Za-z0-9_.+-]{1,80}")
_DIAL = re.compile(r"[A-Za-z0-9_]{1,20}/[A-Za-z0-9_.@:/+-]{1,200}")
_ADDRESS = re.compile(r"[0-9a-f.:\[\]]{3,60}:[0-9]{1,5}")
_PATH = re.compile(r"/[A-Za-z0-9_./-]{1,200}")


def render(plan: Plan, app: str = "pbx112", records: str = RECORDS, agi: str = AGI) -> str:
    """The whole text of `/etc/asterisk/pbx112.conf`.

    `app` is the daemon's name in ARI, `agi` where it serves desk codes, `records` the absolute path of the
    fallback's records in Asterisk's file system.
    Raises :class:`ValueError` where a word of the plan could be read as dialplan.
    """
    if not _PATH.fullmatch(records):
        raise ValueError(f"{records!r} cannot stand in a dialplan as a path")
    if not _ADDRESS.fullmatch(agi):
        raise ValueError(f"{agi!r} cannot stand in a dialplan as an address")
    return _text(plan, app, records, agi, made(plan))


def _text(plan: Plan, app: str, records: str, agi: str, mark: str) -> str:
    numbered = {owner: [number for number, _ in of] for owner, of in groupby(_numbered(plan), _owner)}
    parts = [
        INTAKE.format(
            plan=_safe(plan.hash),
            made=mark,
            record=RECORD,
            number=_safe(plan.service.number),
            app=_safe(app),
            records=records,
            headers=HEADERS,
            names=NAMES,
            notes=NOTES,
            anything=ANYTHING,
            noted=NOTED,
            listen=LISTEN if plan.service.silence else "",
        ),
        _fallback(plan),
        _menu(plan),
        _paths(plan),
        _stages(plan, numbered),
        _lines(plan),
        _hints(plan),
        _transfers(plan, app),
        _desk_lines(plan),
        DESK.format(number=_safe(plan.service.number), agi=agi),
        WITHOUT_PLAN,
    ]
    return "\n".join(parts)


def made(plan: Plan) -> str:
    """By which the dialplan of `plan` is known as one that this version of pbx112 makes, wherever Asterisk has its
    files. Asterisk has it as the global variable `PBX112_MADE`."""
    return sha256(_text(plan, "pbx112", RECORDS, AGI, "").encode()).hexdigest()[:16]


def path_from(plan: Plan, first: str) -> list[tuple[str, str]]:
    """The agencies that are rung when the caller is sent to `first`, each with why (`StageEntered.why`); the
    why of the first is empty, since it depends on what led there."""
    path = [(first, "")]
    while True:
        agency = plan.agencies[path[-1][0]]
        then = agency.then or plan.default_agency
        for owner, why in ((then, "then"), (plan.default_agency, "default")):
            if owner in plan.agencies and owner not in (known for known, _ in path):
                path.append((owner, why))
                break
        else:
            return path


# --- contexts ----------------------------------------------------------------------------------------------


def _fallback(plan: Plan) -> str:
    steps = [
        "Set(__PBX112_CALL=${UNIQUEID})",
        "Set(__PBX112_CALLER=${CHANNEL(name)})",
        "Set(CHANNEL(hangup_handler_push)=pbx112-fallback-end,s,1)",
        # The caller ID is hostile: URI-encoded it is only letters, digits and a few harmless signs.
        f"{RECORD}arrived,${{URIENCODE(${{CALLERID(num):0:80}})}},{_safe(plan.service.number)},"
        f"${{URIENCODE(${{CHANNEL(name)}})}},{_safe(plan.hash)})",
        'GosubIf($["${PBX112_ABOUT}" != ""]?pbx112-fallback-noted,s,1)',
    ]
    if plan.service.answer == "on_arrival":
        steps += [f"{RECORD}caller_answered)", "Answer()"]
    if plan.call_takers is not None:
        steps.append(f"Gosub(pbx112-fallback-stage,{CALL_TAKERS},1(first,1))")
    steps += _after_call_takers(plan)
    return _context(
        "pbx112-fallback",
        "A caller without the daemon. The daemon sends callers here as well when it cannot serve them.",
        {"s": steps},
    )


def _after_call_takers(plan: Plan) -> list[str]:
    takers = plan.call_takers
    if _menu_keys(plan) and (takers is None or takers.then == MENU):
        return ["Goto(pbx112-fallback-menu,s,1)"]
    if takers is None:
        return _go_to(plan.default_agency, "first")
    if takers.then in plan.agencies:
        return _go_to(takers.then, "then")
    return _go_to(plan.default_agency, "default")


def _menu(plan: Plan) -> str:
    keys = _menu_keys(plan)
    if not keys:
        return "; No incident has a key: there is no menu.\n"
    sounds = "&".join(["pbx112/menu", *(f"pbx112/menu_{_safe(incident)}" for _, incident, _ in keys)])
    wait = ceil(plan.service.menu_wait)
    offered = "&".join(f"{digit}={incident}" for digit, incident, _ in keys)
    steps = [
        "Set(PBX112_ATTEMPT=0)",
        "(offer)Set(PBX112_ATTEMPT=$[${PBX112_ATTEMPT} + 1])",
        f"{RECORD}menu,${{PBX112_ATTEMPT}},{wait},{offered})",
        "Answer()",
        f"BackGround({sounds})",
        # A menu that cannot be heard is none: straight on to somebody who can help.
        'GotoIf($["${BACKGROUNDSTATUS}" = "FAILED"]?default)',
        f"WaitExten({wait},m)",
        "(again)GotoIf($[${PBX112_ATTEMPT} < 2]?offer)",
        f"(default){RECORD}chosen,,)",
        *_go_to(plan.default_agency, "menu_default"),
    ]
    chosen = {
        digit: [
            f"{RECORD}chosen,{digit},{incident})",
            f"Set(PBX112_INCIDENT= {_shown(plan.incidents[incident].name)},)",
            *_go_to(primary, f"menu:{incident}"),
        ]
        for digit, incident, primary in keys
    }
    about = "The spoken menu of incidents: spoken twice, then the default agency."
    return _context("pbx112-fallback-menu", about, {"s": steps, **chosen, "i": ["Goto(s,again)"]})


def _paths(plan: Plan) -> str:
    takers = plan.call_takers
    starts = {plan.default_agency, *(primary for _, _, primary in _menu_keys(plan))}
    if takers is not None and takers.then in plan.agencies:
        starts.add(takers.then)
    extensions = {}
    for first in sorted(starts):
        path = path_from(plan, first)
        again = [*([CALL_TAKERS] if takers is not None else []), *(owner for owner, _ in path)]
        extensions[_safe(first)] = [
            *(f"Gosub(pbx112-fallback-stage,{_safe(o)},1({why or '${PBX112_WHY}'},1))" for o, why in path),
            *(f"Gosub(pbx112-fallback-stage,{_safe(o)},1(again,2))" for o in again),
            "Goto(pbx112-fallback-unreached,s,1)",
        ]
    about = "From the first agency on: each agency's `then`, the default agency, and once more round."
    return _context("pbx112-fallback-path", about, extensions)


def _stages(plan: Plan, numbered: dict[str, list[int]]) -> str:
    owners: list[tuple[str, CallTakers | Agency]] = list(plan.agencies.items())
    if plan.call_takers is not None:
        owners.insert(0, (CALL_TAKERS, plan.call_takers))
    extensions = {}
    for owner, group in owners:
        lines = list(zip(numbered.get(owner, []), group.lines, strict=True))
        together = _that_fit(lines, plan) if group.ring == "all" else []
        zone = plan.service.timezone.key
        shown = (
            f"${{PBX112_INCIDENT}} {_shown(group.name)}"
            if isinstance(group, Agency)
            else "${PBX112_INCIDENT:0:-1}"
        )
        steps = [
            f"{RECORD}stage,{_safe(owner)},${{ARG1}},${{ARG2}})",
            f"Set(__PBX112_SHOWN=112{shown})",
            *_duty(lines, zone),
            *(_ring_together(together) if together else _ring_in_order(lines)),
        ]
        extensions[_safe(owner)] = [*steps, "Return()"]
    about = "One owner's lines: those on duty as the stage begins, then those off duty. ARG1 why, ARG2 round."
    return _context("pbx112-fallback-stage", about, extensions)


def _lines(plan: Plan) -> str:
    extensions = {}
    for number, (owner, line) in _numbered(plan):
        fields = [
            _safe(owner),
            _safe(line.number),
            line.kind,
            _device(line),
            str(ceil(line.ring_for)),
            line.accept,
            str(ceil(line.accept_for)),
            _safe(line.trunk) if line.trunk else "",
            _safe(line.caller_id) if line.caller_id else "",
            str(ceil(line.max_talk)) if line.max_talk else "",
        ]
        if (trunk := plan.trunks.get(line.trunk or "")) is not None:
            fields += [str(trunk.max_calls), str(trunk.max_per_hour)]
        extensions[str(number)] = [f"Gosub(pbx112-fallback-leg,s,1({','.join(fields)}))"]
    about = "Every line of the plan, numbered in the file's order."
    return _context("pbx112-fallback-line", about, extensions)


def _hints(plan: Plan) -> str:
    """What a desk phone's lamps show: extensions, agencies by their codes, the call takers by the service number."""
    owned: dict[str, list[str]] = {}
    for owner, line in plan.lines():
        if line.kind == "extension":
            owned.setdefault(owner, []).append(_device(line))
    lamps = {line.number: [_device(line)] for _, line in plan.lines() if line.kind == "extension"}
    lamps |= {a.code: owned[a.key] for a in plan.agencies.values() if a.key in owned and a.code not in lamps}
    if CALL_TAKERS in owned and plan.service.number not in lamps:
        lamps[plan.service.number] = owned[CALL_TAKERS]
    about = (
        "Lamps of desk phones (BLF): an extension, an agency by its code, all call takers by the service number.\n"
        "; A mobile behind a trunk has no state that Asterisk could know. Nobody can dial in here."
    )
    hints = (f"exten => {_safe(number)},hint,{'&'.join(dict.fromkeys(of))}" for number, of in lamps.items())
    return "\n".join([f"; {about}", "[pbx112-hints]", *hints]) + "\n"


def _transfers(plan: Plan, app: str) -> str:
    about = (
        "What a phone's own transfer key may name during a call: the plan's extensions, and agencies by their codes.\n"
        "; All else is refused (404), and while the daemon is away everything (503): the talk goes on."
    )
    named = {_safe_star(name): ["Goto(pbx112-transferred,s,1)"] for name in dialled(plan)}
    return _context(TRANSFERS, about, named) + "\n" + TRANSFERRED.format(app=_safe(app), tries=TRANSFER_TRIES)


def _desk_lines(plan: Plan) -> str:
    """Desk phones call one another, so that a call may be announced before it is transferred. Agencies by their code,
    on their desk phones: a mobile has to press 1, which the daemon sees to (`**code`)."""
    extensions: dict[str, list[str]] = {}
    for name, whom in dialled(plan).items():
        lines = [
            line
            for owner, line in plan.lines()
            if owner == whom.owner and line.kind == "extension" and whom.line in ("", line.number)
        ]
        if lines:
            longest = max(ceil(line.ring_for) for line in lines)
            devices = "&".join(dict.fromkeys(_device(line) for line in lines))
            extensions[_safe_star(name)] = [f"Dial({devices},{longest},i)", "Hangup()"]
    about = "Desk phones reach the plan's extensions, and agencies by their codes; their context includes this one."
    return _context(DESK_LINES, about, extensions)


def _safe_star(name: str) -> str:
    """An extension, or a code as it is pressed."""
    return f"*{_safe(name[1:])}" if name.startswith("*") else _safe(name)


def _device(line: Line) -> str:
    if not _DIAL.fullmatch(line.dial):
        raise ValueError(f"{line.dial!r} cannot stand in a dialplan as a dial string")
    return line.dial


# --- pieces ------------------------------------------------------------------------------------------------

_Numbered = list[tuple[int, Line]]


def _duty(lines: _Numbered, zone: str) -> Iterator[str]:
    """Note for each line with duty hours whether it is on duty."""
    for number, line in lines:
        if line.duty is not None:
            yield f"Set(PBX112_DUTY_{number}=0)"
            for spec in timespecs(line.duty, zone):
                yield f"ExecIfTime({spec}?Set(PBX112_DUTY_{number}=1))"


def _ring_in_order(lines: _Numbered) -> Iterator[str]:
    for wanted in "1", "0":
        for number, line in lines:
            ring = f"pbx112-fallback-wave,s,1({_local(number)},{_longest([line])})"
            if line.duty is not None:
                yield f"GosubIf($[${{PBX112_DUTY_{number}}} = {wanted}]?{ring})"
            elif wanted == "1":
                yield f"Gosub({ring})"


def _that_fit(lines: _Numbered, plan: Plan) -> list[_Numbered]:
    """The lines that ring together, so divided that each trunk has a circuit for all of its own: of more lines than
    that the last ones would never be rung."""
    waves: list[_Numbered] = []
    for number, line in lines:
        trunk = plan.trunks.get(line.trunk or "")
        room = len(lines) if trunk is None else trunk.max_calls
        for wave in waves:
            if sum(other.trunk == line.trunk for _, other in wave) < room:
                wave.append((number, line))
                break
        else:
            waves.append([(number, line)])
    return waves


def _ring_together(waves: list[_Numbered]) -> Iterator[str]:
    names = ["PBX112_WAVE_", *(f"PBX112_WAVE_{place}_" for place in range(2, len(waves) + 1))]
    for name, lines in zip(names, waves, strict=True):
        yield f"Set({name}1=)"
        yield f"Set({name}0=)"
        for number, line in lines:
            duty = f"${{PBX112_DUTY_{number}}}" if line.duty is not None else "1"
            yield f"Set({name}{duty}=${{{name}{duty}}}&{_local(number)})"
    for wanted in "1", "0":
        for name, lines in zip(names, waves, strict=True):
            if wanted == "1" or any(line.duty is not None for _, line in lines):
                wave = f"${{{name}{wanted}"
                longest = _longest([line for _, line in lines])
                yield f'GosubIf($["{wave}}}" != ""]?pbx112-fallback-wave,s,1({wave}:1}},{longest}))'


def _local(number: int) -> str:
    return f"Local/{number}@pbx112-fallback-line/n"


def _longest(lines: Iterable[Line]) -> int:
    return MARGIN + max(
        ceil(line.ring_for) + (ceil(line.accept_for) if line.accept == "press_1" else 0) for line in lines
    )


def _go_to(agency: str, why: str) -> list[str]:
    return [f"Set(PBX112_WHY={why})", f"Goto(pbx112-fallback-path,{_safe(agency)},1)"]


def _menu_keys(plan: Plan) -> list[tuple[str, str, str]]:
    """Digit, incident and primary agency of each incident in the menu."""
    return [
        (_safe(i.menu), _safe(i.key), i.primary if i.primary in plan.agencies else plan.default_agency)
        for i in plan.incidents.values()
        if i.menu is not None
    ]


def _numbered(plan: Plan) -> Iterator[tuple[int, tuple[str, Line]]]:
    return enumerate(plan.lines(), start=1)


def _owner(numbered: tuple[int, tuple[str, Line]]) -> str:
    return numbered[1][0]


def _safe(word: str) -> str:
    if not _SAFE.fullmatch(word):
        raise ValueError(f"{word!r} cannot stand in a dialplan")
    return word


def _shown(name: str) -> str:
    """A name of the plan as a telephone's display and a dialplan take it: letters, digits and a few signs."""
    return " ".join(re.sub(r"[^A-Za-z0-9 ./-]", " ", name).split())


def _context(name: str, about: str, extensions: dict[str, list[str]]) -> str:
    """A context; a step that begins with `(label)` gets that label."""
    text = [f"; {about}", f"[{name}]"]
    for extension, steps in extensions.items():
        for index, step in enumerate(steps):
            label, application = re.fullmatch(r"(\([a-z]+\))?(.+)", step, re.DOTALL).groups("")  # type: ignore[union-attr]
            text.append(f"{f'exten => {extension},1' if index == 0 else ' same => n'}{label},{application}")
    return "\n".join(text) + "\n"
