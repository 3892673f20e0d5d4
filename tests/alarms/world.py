"""A 112 office on paper for the alarms: its plan, and a clock in our hands."""

from __future__ import annotations

from collections.abc import Mapping

from pbx112.alarms.conditions import Finding, World, findings
from pbx112.alarms.heart import PACE, Heart, Pace, State, Word
from pbx112.alarms.past import Past
from pbx112.cdr.record import Fact
from pbx112.model import events as ev
from pbx112.model.events import Instant, LegResult, Outcome, Target
from pbx112.plan.types import CallTakers
from pbx112.wallboard.board import Board
from tests.model.desk import NOON, agency, extension, mobile, plan

MINUTE, HOUR = 60.0, 3600.0
DESK = Target("call_takers", "1101", "extension", "PJSIP/1101", "Meja 1", 15.0, "pickup", 12.0)
FIRE = Target("damkar", "2101", "extension", "PJSIP/2101", "Pos", 15.0, "pickup", 12.0)


def seen(
    line: str = "ready", *, second: str = "ready", trunk: str = "ready", police: str = "ready"
) -> ev.LinesSeen:
    """What the line watch says of damkar's extension and mobile, of the trunk, and of satpol_pp's only line."""
    lines = (("damkar", "2101", line), ("damkar", "+6281200000001", second), ("satpol_pp", "2201", police))
    return ev.LinesSeen(
        tuple(ev.LineSeen(*each) for each in lines),  # type: ignore[arg-type]
        (ev.TrunkSeen("gsm", trunk),),  # type: ignore[arg-type]
        whole=True,
    )


class Office:
    """`now` is in seconds since noon."""

    def __init__(self, known: State | None = None, pace: Pace = PACE) -> None:
        self.plan = plan(
            agency("damkar", extension("2101"), mobile("+6281200000001")),
            agency("satpol_pp", extension("2201")),
            call_takers=CallTakers("all", (extension("1101"), extension("1102")), "menu"),
        )
        self.now = 0.0
        self.board, self.past = Board(), Past()
        self.heart = Heart(known, pace)
        self.daemon: str | None = "serves"
        self.readable = True
        self.troubles: Mapping[str, str] | None = {}
        self.database: str | None = ""
        self.disks: dict[str, str | None] = {"/var/lib/pbx112": ""}
        self.hangs = {"/var/lib/pbx112": ""}
        self.said: list[str] = []
        self.words: list[Word] = []

    @property
    def us(self) -> int:
        return NOON + int(self.now * 1e6)

    def tell(self, event: ev.Event, subject: str = "", at: float | None = None) -> None:
        """It happens now, or is told now and happened then."""
        then = self.now if at is None else at
        instant = Instant(NOON + int(then * 1e6), int(then * 1e9))
        self.board.take(subject, Fact(1, instant, "p", event))
        self.past.heed(subject, event, instant, self.us)

    def call(
        self,
        name: str,
        *,
        answered_after: float | None,
        outcome: Outcome = Outcome.ANSWERED,
        via: str = "daemon",
    ) -> None:
        """A whole call that ends now."""
        began = self.now - (answered_after or 20.0)
        self.tell(ev.CallArrived("c", "0813", "+62813", True, "112", via=via), name, began)  # type: ignore[arg-type]
        self.tell(ev.LegOffered(1, "l1", DESK), name, began)
        if answered_after is None:
            self.tell(ev.LegEnded(1, LegResult.NO_ANSWER), name)
        else:
            self.tell(ev.LegAccepted(1), name)
        self.tell(ev.CallEnded(outcome, "caller"), name)

    def rung_in_vain(self, name: str, accepts: bool = False) -> None:
        """Damkar is rung for a call."""
        self.tell(ev.CallArrived("c", "0813", "+62813", True, "112"), name)
        self.tell(ev.LegOffered(1, "l1", FIRE), name)
        self.tell(ev.LegAccepted(1) if accepts else ev.LegEnded(1, LegResult.NO_ANSWER), name)
        self.tell(ev.CallEnded(Outcome.ABANDONED_RINGING, "caller"), name)

    def world(self) -> World:
        return World(
            self.us, self.plan, self.board, self.past, self.readable, self.daemon,  # type: ignore[arg-type]
            self.troubles, self.database, self.disks, self.hangs,
        )  # fmt: skip

    def found(self, kind: str, about: str = "") -> Finding:
        [finding] = [each for each in findings(self.world()) if (each.kind, each.about) == (kind, about)]
        return finding

    def wait(self, seconds: float, every: float = 5.0) -> list[str]:
        """Let time pass, with a look every five seconds; what was said meanwhile."""
        before, end = len(self.said), self.now + seconds
        while self.now < end:
            self.now += every
            for word in self.heart.beat(findings(self.world()), self.us):
                self.words.append(word)
                self.said.append(f"{word.what} {word.about.kind}:{word.about.about}".rstrip(":"))
        return self.said[before:]
