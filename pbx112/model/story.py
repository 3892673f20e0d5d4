"""A call as it unfolds within one decision."""

from __future__ import annotations

from pbx112.plan.types import Plan

from .events import CallEvent
from .state import Call, evolve
from .stimuli import World


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

    def trunk_has_room(self, trunk: str) -> bool:
        """Whether one more call fits on the trunk, this call's own legs counted."""
        known = self.plan.trunks.get(trunk)
        own = sum(leg.target.trunk == trunk for leg in self.call.live_legs())
        return known is None or self.world.trunk_load.get(trunk, 0) + own < known.max_calls
