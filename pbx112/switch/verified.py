"""Which lines are verified: a fold over what is told of tests, and what the desk's statement says again."""

from __future__ import annotations

from pbx112.model import events as ev
from pbx112.model.events import Event, Instant, TestResult


class Verified:
    """Moments are UTC in microseconds; a line is its owner and its number."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], int] = {}
        self._placed: dict[tuple[str, str], ev.LineTestPlaced] = {}
        self._runs: dict[str, ev.VerificationStarted] = {}
        self.scheduled_us = 0
        """When the last verification by the schedule began; 0: none is known."""

    def at(self, owner: str, number: str) -> int | None:
        """When this line was verified last; None: never, as far as is known."""
        return self._at.get((owner, number))

    def unfinished(self) -> list[ev.LineTestPlaced]:
        """Tests of which the end was not told."""
        return list(self._placed.values())

    def unfinished_runs(self) -> list[str]:
        """Verifications of which the end was not told."""
        return list(self._runs)

    def stated(self) -> tuple[ev.LineVerified, ...]:
        """What stands, to be said again."""
        return tuple(ev.LineVerified(owner, number, at) for (owner, number), at in self._at.items())

    def heed(self, event: Event, at: Instant) -> None:
        """Something happened."""
        match event:
            case ev.VerificationStarted(run=run, by=by):
                self._runs[run] = event
                if by == "schedule":
                    self.scheduled_us = at.utc_us
            case ev.VerificationEnded(run=run):
                self._runs.pop(run, None)
            case ev.LineTestPlaced(owner=owner, number=number):
                self._placed[owner, number] = event
            case ev.LineTestEnded(owner=owner, number=number, result=result):
                self._placed.pop((owner, number), None)
                if result is TestResult.VERIFIED:
                    self._at[owner, number] = at.utc_us
            case ev.DeskStated(verified=verified, scheduled_us=scheduled_us):
                self._at = {(line.owner, line.number): line.at_us for line in verified}
                self.scheduled_us = max(self.scheduled_us, scheduled_us)
            case _:
                pass

    def joined(self, later: Verified) -> Verified:
        """This, and what was told since."""
        both = Verified()
        both._at = self._at | later._at
        both._placed = self._placed | later._placed
        both._runs = self._runs | later._runs
        both.scheduled_us = max(self.scheduled_us, later.scheduled_us)
        return both
