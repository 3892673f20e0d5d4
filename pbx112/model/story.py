"""A call as it unfolds within one decision."""

from __future__ import annotations

from pbx112.plan.types import Plan

from .events import CallEvent, LegOffered
from .state import Call, evolve
from .stimuli import World

TRUNK_FULL = "trunk_full"
TRUNK_HOUR_FULL = "trunk_hour_full"
"""A leg's detail where its trunk carries as many calls at once, or was given as many within the hour, as it may."""


class Story:
    """The call as it unfolds within one decision: each event told moves the state that the next one sees."""

    def __init__(self, call: Call, plan: Plan, world: World) -> None:
        self.call = call
        self.plan = plan
        self.world = world
        self.events: list[CallEvent] = []

    def tell(self, event: CallEvent) -> None:
        """Let `event` happen."""
        self.events.append(event)
        self.call = evolve(self.call, event, self.world.now)

    def trunk_limit(self, trunk: str) -> str:
        """The limit that one more call on the trunk would break, this call's own legs counted; empty where it fits."""
        known = self.plan.trunks.get(trunk)
        if known is None:
            return ""
        own = sum(leg.target.trunk == trunk for leg in self.call.live_legs())
        if self.world.trunk_load.get(trunk, 0) + own >= known.max_calls:
            return TRUNK_FULL
        just_now = sum(
            isinstance(event, LegOffered) and event.placed and event.target.trunk == trunk
            for event in self.events
        )
        if self.world.trunk_placed.get(trunk, 0) + just_now >= known.max_per_hour:
            return TRUNK_HOUR_FULL
        return ""
