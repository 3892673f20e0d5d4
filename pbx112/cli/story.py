"""A call told to people: each event as a sentence, each live call by where it is."""

from __future__ import annotations

import re

from pbx112.log import mask
from pbx112.model import events as ev
from pbx112.model.state import Announcing, Call, Ended, InFallback, InMenu, Leg, Reaching, Talking, Waiting
from pbx112.plan.types import CALL_TAKERS

_WHY = {
    "first": "first",
    "menu_default": "nothing was chosen in the menu",
    "then": "the one before did not answer",
    "default": "default agency",
    "again": "second round",
    "lost": "the talk broke",
    "returned": "a call taker hung up, and nobody else was there",
}


_NAMES = re.compile(r'"[^"]*"?')
_NUMBERS = re.compile(r"\+?[0-9]{4,}")

_WAIT = {"overload": "as many calls are served as may be"}
_LIMITS = {"trunk_full": "trunk full", "trunk_hour_full": "the trunk's hour is full"}


def caller_of(raw: str, number: str | None, *, unmask: bool) -> str:
    """The caller's number as it may be shown: the last three digits alone, unless asked for whole."""
    shown = number or raw
    if not shown:
        return "withheld"
    return shown if unmask else mask(shown)


def masked(event: ev.CallerDescribed) -> ev.CallerDescribed:
    """What the trunk said, as it may be shown unless asked for whole: numbers by their last three digits, no names, of
    the place and the radio cell only that they are known."""
    return ev.CallerDescribed(
        identity=_names_and_numbers_masked(event.identity),
        access_network="…" if event.access_network else "",
        diversion=_names_and_numbers_masked(event.diversion),
        history=_names_and_numbers_masked(event.history),
        geolocation="…" if event.geolocation else "",
        place="…" if event.place else "",
    )


def _names_and_numbers_masked(header: str) -> str:
    return _NUMBERS.sub(lambda found: mask(found[0]), _NAMES.sub('"…"', header))


def description(event: ev.CallerDescribed, *, unmask: bool) -> list[tuple[str, str]]:
    """What the trunk said of the caller, by what it is called; what it did not say is left out."""
    said = event if unmask else masked(event)
    where = ""
    if said.latitude is not None and said.longitude is not None:
        within = "" if said.radius is None else f" ± {said.radius:g} m"
        where = f"{said.latitude:.6f}, {said.longitude:.6f}{within}"
    texts = {
        "identity": said.identity,
        "cell": said.access_network,
        "diverted": said.diversion,
        "history": said.history,
        "location": where or said.place or said.geolocation,
    }
    return [(label, text) for label, text in texts.items() if text]


def owner_name(owner: str) -> str:
    """`call_takers` in words; an agency by its key."""
    return "call takers" if owner == CALL_TAKERS else owner


def where(call: Call) -> str:
    """Where a live call is."""
    left = "; the caller has left" if call.caller_left else ""
    return _where(call) + left


def _where(call: Call) -> str:
    match call.situation:
        case Talking():
            there = [leg for leg in call.live_legs() if leg.status == "accepted"]
            return f"talking with {_whom(there)}" if there else "talking"
        case Reaching(owner=owner):
            ringing = [leg for leg in call.live_legs() if leg.status in ("offered", "ringing", "answered")]
            if not ringing:
                return f"on its way to {owner_name(owner)}" if owner else "arriving"
            asked = [leg for leg in ringing if leg.status == "answered"]
            return f"asks {_whom(asked)} to accept" if asked else f"ringing {_whom(ringing)}"
        case Waiting(reason=reason):
            return f"waits for its turn ({_WAIT.get(reason, reason)})"
        case InMenu(attempt=attempt):
            return "in the menu" if attempt == 1 else f"in the menu, {attempt}th time"
        case Announcing():
            return "hears that nobody can be reached"
        case InFallback():
            return "with the fallback dialplan"
        case Ended(outcome=outcome):
            return f"ended: {outcome}"


def _whom(legs: list[Leg]) -> str:
    return ", ".join(_target(leg.target) for leg in legs)


def _target(target: ev.Target) -> str:
    name = f" {target.name}" if target.name != target.number else ""
    return f"{owner_name(target.owner)} {target.number}{name}"


def sentence(event: ev.Event, *, unmask: bool) -> str:
    """What happened, in one line."""
    match event:
        case ev.CallArrived():
            caller = caller_of(event.caller_raw, event.caller, unmask=unmask)
            by = f" by {event.source}" if event.source else ""
            back = "" if event.callable else "; cannot be called back"
            alone = "; the dialplan handles it alone" if event.via == "fallback" else ""
            return f"call from {caller} to {event.dialled}{by}{back}{alone}"
        case ev.CallerDescribed():
            said = (f"{label} {value}" for label, value in description(event, unmask=unmask))
            return "the trunk says: " + "; ".join(said)
        case ev.CallQueued():
            why = _WAIT.get(event.reason, event.reason)
            return f"has to wait: {why}; goes on after {event.longest:g} s in any case"
        case ev.WaitAnnounced():
            return f"is told to wait, time {event.time}"
        case ev.CallAdmitted():
            return "goes on: " + ("there is room" if event.why == "room" else "it has waited long enough")
        case ev.CallerAnswered():
            return "the caller is answered"
        case ev.StageEntered():
            lines = sum(len(wave) for wave in event.waves)
            why = (
                f"chosen: {event.why[5:]}"
                if event.why.startswith("menu:")
                else _WHY.get(event.why, event.why)
            )
            return (
                f"turns to {owner_name(event.owner)} ({why}): {lines} line{'' if lines == 1 else 's'} to try"
            )
        case ev.LegOffered():
            how = f"rings {_target(event.target)} for up to {event.target.ring_for:g} s"
            return (
                f"{_leg(event.leg)} {how}"
                if event.placed
                else f"{_leg(event.leg)} cannot be placed: a limit of the trunk is reached"
            )
        case ev.LegRinging():
            return f"{_leg(event.leg)} the phone rings"
        case ev.LegAnswered():
            return f"{_leg(event.leg)} something picked up"
        case ev.LegAccepted():
            return f"{_leg(event.leg)} a human accepted, caller joined"
        case ev.LegEnded():
            codes = [f"cause {event.cause}"] if event.cause is not None else []
            codes += [f"SIP {event.sip}"] if event.sip is not None else []
            codes += [_LIMITS.get(event.detail, event.detail)] if event.detail else []
            return f"{_leg(event.leg)} over: {event.result}" + (f" ({', '.join(codes)})" if codes else "")
        case ev.HelpSought():
            why = "the one before did not answer" if event.why == "then" else event.why
            how = ", first without the caller" if event.consult else ""
            return f"help {event.help}: {_leg(event.by)} calls {owner_name(event.owner)} in ({why}){how}"
        case ev.HelpEnded():
            return f"help {event.help}: {event.result}"
        case ev.CallerHeld():
            return f"{_leg(event.by)} the caller hears music meanwhile"
        case ev.CallerBack():
            long = ", held for as long as may be" if event.why else ""
            return "the caller is back in the talk" + (f", by leg {event.by}{long}" if event.by else "")
        case ev.CallMarked():
            marks = " ".join(word for word in (event.disposition, event.incident) if word)
            return f"{event.by} marks the call: {marks}"
        case ev.CallBackPlaced():
            return f"{event.by} calls back {caller_of(event.number, event.number, unmask=unmask)} over {event.trunk}"
        case ev.CallBackEnded():
            return f"{event.by} has called back: {event.result}, {event.seconds:g} s"
        case ev.KeyAsked():
            asked = (
                f"{_leg(event.by)} has the caller asked"
                if event.by
                else "nothing is heard; the caller is asked"
            )
            return f"{asked} to press 5"
        case ev.CallerSpoke():
            return "the caller is heard"
        case ev.KeyGiven():
            return f"the caller pressed {event.digit}" if event.digit else "the caller pressed nothing"
        case ev.CommandRefused():
            return f"{_leg(event.by)} pressed {event.keys}, in vain: {event.why}"
        case ev.MenuOffered():
            keys = ", ".join(f"{digit} {owner}" for digit, owner in event.keys.items())
            return f"the menu is spoken, time {event.attempt}: {keys}"
        case ev.PromptHeard():
            return f"{event.prompt} {'spoken' if event.played else 'could not be played'}"
        case ev.MenuChosen():
            return (
                f"the caller pressed {event.digit}: {event.incident}"
                if event.digit
                else "no key: the default"
            )
        case ev.RecordingStarted():
            return f"recording as {event.name}"
        case ev.RecordingFinished():
            long = "" if event.seconds is None else f", {event.seconds:g} s"
            return f"recording {event.name} complete{long}"
        case ev.RecordingFailed():
            return f"recording {event.name} failed: {event.reason}"
        case ev.AnnouncementStarted():
            return "every possibility has been tried; the caller is told so"
        case ev.CallerLeft():
            return "the caller is gone" + ("" if event.cause is None else f" (cause {event.cause})")
        case ev.CallResumed():
            return "taken up again by a restarted or reconnected daemon"
        case ev.HandedToFallback():
            return f"handed to the fallback dialplan: {event.reason}"
        case ev.CallEnded():
            return f"ended by {event.by}: {event.outcome}"
        case _:
            return type(event).__name__


def _leg(number: int) -> str:
    return f"leg {number}:"
