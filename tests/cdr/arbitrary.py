"""Calls of every kind, in any mixture, some of them nonsense: for what must hold of all."""

from __future__ import annotations

import random
from datetime import datetime

import msgspec

from pbx112.journal import Draft
from pbx112.model import events as ev
from tests.cdr.calls import BEGAN_NS, DESK, FIRE, MOBILE, PLAN, Timed

WITHHELD = ("anonymous", "", "p:+6281299912345")
"""What a trunk sends where it sends no number, or something that looks like a pseudonym."""

OWNERS = ("call_takers", "damkar", "bpbd", "tetangga")


def calls(chance: random.Random, many: int, since: datetime, until: datetime) -> list[Draft]:
    """`many` calls that arrive at any time between the two, each as its journal would have it."""
    drafts: list[Draft] = []
    for number in range(many):
        arrived = chance.uniform(since.timestamp(), until.timestamp())
        story = _nonsense(chance) if chance.random() < 0.1 else _story(chance)
        drafts += [
            Draft(
                f"c{number:05}",
                round((arrived + after) * 1e6),
                BEGAN_NS + round((arrived - since.timestamp() + after) * 1e9),
                PLAN,
                type(event).__name__,
                ev.encode(event),
            )
            for after, event in story
        ]
    return drafts


def _story(chance: random.Random) -> list[Timed]:
    caller = chance.choice([None, *(f"+62812000{n:03}" for n in range(40))])
    via = "fallback" if chance.random() < 0.2 else "daemon"
    arrived = ev.CallArrived(
        "in", caller or chance.choice(WITHHELD), caller, caller is not None, "112", "telco"
    )
    arrived = msgspec.structs.replace(arrived, via=via, record=chance.random() < 0.7)
    now, story, leg = 0.0, list[Timed](), 0
    story.append((now, arrived))
    if chance.random() < 0.2:
        story.append((now, ev.CallQueued("overload", (), 120.0)))
        now += chance.uniform(0.1, 30)
        story.append((now, ev.CallAdmitted("room")))
    accepted = False
    for stage in range(chance.randint(0, 3)):
        owner = chance.choice(OWNERS)
        story.append((now, ev.StageEntered(owner, "then" if stage else "first", 1, ())))
        for _ in range(chance.randint(0, 2)):
            leg += 1
            target = msgspec.structs.replace(chance.choice([DESK, FIRE, MOBILE]), owner=owner)
            story.append((now, ev.LegOffered(leg, f"leg-{leg}", target)))
            now += chance.choice([chance.uniform(0, 25), 5.0, 10.0, 15.0, 20.0])
            if not accepted and chance.random() < 0.5:
                accepted = True
                story.append((now, ev.LegAccepted(leg)))
                if chance.random() < 0.4:
                    story.append((now + 1, ev.HelpSought(1, chance.choice(OWNERS), leg, "asked", ())))
                    story.append(
                        (
                            now + 1,
                            ev.LegOffered(leg + 1, "h", msgspec.structs.replace(FIRE, owner=owner), help=1),
                        )
                    )
                    if chance.random() < 0.5:
                        story.append((now + 2, ev.LegAccepted(leg + 1)))
                    leg += 1
                if chance.random() < 0.8:
                    story += _recording(chance, now)
                now += 30
            elif chance.random() < 0.8:
                results = [result for result in ev.LegResult if result != "accepted"]
                story.append((now, ev.LegEnded(leg, chance.choice(results))))
    outcomes = [outcome for outcome in ev.Outcome if outcome.endswith("answered") == accepted or not accepted]
    outcome = chance.choice(outcomes)
    by = chance.choice(["caller", "staff", "system"])
    story += _marks(chance, now)
    story.append((now, ev.CallEnded(outcome, by)))  # type: ignore[arg-type]
    story += _marks(chance, now + 60)
    while chance.random() < 0.3:
        now += 100
        story.append((now, ev.CallBackPlaced("1101", "+62", "gsm")))
        story.append((now + 9, ev.CallBackEnded("1101", chance.choice(["answer", "busy"]), 5.0)))
    return sorted(story, key=lambda timed: timed[0])


def _recording(chance: random.Random, now: float) -> list[Timed]:
    end = ev.RecordingFinished("r", 20.0) if chance.random() < 0.8 else ev.RecordingFailed("r", "disk")
    return [(now, ev.RecordingStarted("r")), (now + 29, end)]


def _marks(chance: random.Random, now: float) -> list[Timed]:
    words = [*ev.Disposition, "", "kata_baru"]
    return [
        (now, ev.CallMarked("1101", chance.choice(words), chance.choice(["", "kebakaran"])))
        for _ in range(chance.randint(0, 2))
    ]


def _nonsense(chance: random.Random) -> list[Timed]:
    """Events in an order that no call has."""
    pool: list[ev.Event] = [
        ev.CallArrived("x", "1", None, False, ""),
        ev.StageEntered("damkar", "?", 9, ()),
        ev.LegOffered(chance.randint(0, 3), "x", FIRE),
        ev.LegAccepted(chance.randint(0, 3)),
        ev.LegEnded(chance.randint(0, 3), chance.choice(list(ev.LegResult))),
        ev.CallQueued("overload", (), 1.0),
        ev.CallMarked("1", "prank"),
        ev.CallBackEnded("1", "answer", -1.0),
        ev.RecordingFinished("r"),
        ev.CallEnded(chance.choice(list(ev.Outcome)), "system"),
    ]
    story = [(chance.uniform(0, 60), chance.choice(pool)) for _ in range(chance.randint(1, 20))]
    return sorted(story, key=lambda timed: timed[0])
