"""How things are at this moment: read from those who know when somebody asks, kept nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pbx112 import __version__
from pbx112.cdr.ship import Shipper
from pbx112.desk import LineWatch
from pbx112.health import Health
from pbx112.journal import Journal
from pbx112.model.events import Instant
from pbx112.model.state import Call, Ended
from pbx112.room import RoomWatch
from pbx112.switch.live import now
from pbx112.switch.switch import Switch

from .owners import alive_owners
from .takers import STATES, taker_states

SITUATIONS = {
    "Waiting": "waiting",
    "Reaching": "ringing",
    "Questioned": "menu",
    "InMenu": "menu",
    "Talking": "talking",
    "Announcing": "announcing",
    "InFallback": "fallback",
}
"""What a live call does, by the class of its situation."""

TROUBLES = (
    "asterisk_away",
    "asterisk_deaf",
    "journal_disk",
    "journal_room",
    "journal_silent",
    "records",
)
"""What may be amiss (:meth:`pbx112.health.Health.troubles`): each is told, also while it is not."""


class Gauges(Collector):
    """Of the daemon that serves."""

    def __init__(
        self,
        switch: Switch,
        journal: Journal,
        room: RoomWatch,
        health: Health,
        shipper: Shipper | None,
        watch: LineWatch | None = None,
    ) -> None:
        self._switch = switch
        self._journal = journal
        self._room = room
        self._health = health
        self._shipper = shipper
        self._watch = watch
        self.lag_seconds = 0.0
        """The age of the oldest entry that has not arrived in Postgres."""

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        moment = now()
        yield from _calls(self._switch.live_calls(), moment)
        yield from self._lines(moment)
        yield _verified(self._switch)
        if self._watch is not None:
            yield from _watched(self._watch)
        yield from self._journalled()
        if self._shipper is not None:
            yield from self._shipped(self._shipper)
        yield _gauge("ari_connected", "Whether Asterisk is connected.", self._switch.ari.connected)
        amiss = {trouble.what for trouble in self._health.troubles()}
        yield _gauges("trouble", "1 where /healthz names it.", "what", {w: w in amiss for w in TROUBLES})
        yield _gauges("plan_info", "The plan that decides.", "plan", {self._switch.plan.hash: 1})

    def _lines(self, moment: Instant) -> Iterator[Metric]:
        plan, calls = self._switch.plan, self._switch.calls
        takers = taker_states(plan, self._switch.live_calls(), self._switch.ledger.absent(moment.utc_us))
        count = Counter(takers.values())
        yield _gauges(
            "call_takers", "Call takers' lines by what they do.", "state", {s: count[s] for s in STATES}
        )
        load, hour = calls.load_beside(None), calls.trunk_hours.within_hour(moment.mono_ns)
        keys = plan.trunks
        yield _gauges("trunk_calls", "Calls on the trunk.", "trunk", {k: load.get(k, 0) for k in keys})
        limits = {key: trunk.max_calls for key, trunk in keys.items()}
        yield _gauges("trunk_calls_limit", "As many as it may carry at once.", "trunk", limits)
        placed = {key: hour.get(key, 0) for key in keys}
        yield _gauges("trunk_calls_past_hour", "Calls placed within the past hour.", "trunk", placed)
        limits = {key: trunk.max_per_hour for key, trunk in keys.items()}
        yield _gauges("trunk_calls_past_hour_limit", "As many as may be.", "trunk", limits)

    def _journalled(self) -> Iterator[Metric]:
        journal, room = self._journal, self._room.last
        yield _counter(
            "journal_entries_written", "Last entry's number in the present journal.", journal.written
        )
        yield _counter("journal_entries_synced", "Last entry that the disk has confirmed.", journal.synced)
        yield _gauge("journal_batches_waiting", "Appended, not written yet.", journal.waiting)
        yield _gauge("journal_degraded", "1: events wait in memory.", journal.degraded is not None)
        if room is not None:
            yield _gauge("journal_size_bytes", "The journal with what is beside it.", room.journal)
            yield _gauge("journal_disk_free_bytes", "Free on its disk.", room.free)

    def _shipped(self, shipper: Shipper) -> Iterator[Metric]:
        behind = max(0, self._journal.written - shipper.shipped)
        yield _gauge("shipping_lag_entries", "Entries that have yet to arrive in Postgres.", behind)
        yield _gauge("shipping_lag_seconds", "Age of the oldest of them.", self.lag_seconds)


def _verified(switch: Switch) -> Metric:
    """No line by its number: a mobile's is somebody's."""
    last = {
        agency.key: min(switch.ledger.verified.at(agency.key, line.number) or 0 for line in agency.lines)
        / 1e6
        for agency in switch.plan.agencies.values()
    }
    says = "When the agency's lines were all verified: the oldest of the last tests that each passed; 0: one never did."
    return _gauges("agency_verified_timestamp_seconds", says, "owner", last)


def _watched(watch: LineWatch) -> Iterator[Metric]:
    yield _gauge("ami_connected", "Whether AMI tells which lines are alive.", watch.connected)
    lines = GaugeMetricFamily("pbx112_lines", "Lines by what the line watch says.", labels=["owner", "state"])
    count = Counter((owner, state) for (owner, _), state in watch.lines.lines.items())
    owners = {owner for owner, _ in count}
    for owner in sorted(owners):
        for state in ("ready", "busy", "unreachable", "unknown"):
            lines.add_metric([owner, state], count[owner, state])
    alive = alive_owners(watch.lines.lines)
    yield lines
    yield _gauges("trunk_channels", "Channels that Asterisk has on it, whose ever.", "trunk", watch.channels)
    if watch.connected:
        yield _gauges("owner_alive", "Whether one line of the owner at least is alive.", "owner", alive)
        trunks = {key: state == "ready" for key, state in watch.lines.trunks.items()}
        yield _gauges(
            "trunk_alive",
            "Whether the trunk is reachable, and registered where it has to be.",
            "trunk",
            trunks,
        )


class Role(Collector):
    """Whether this daemon serves or waits, and which version it is."""

    serves = False

    def collect(self) -> Iterator[Metric]:
        """Both."""
        yield _gauge("serving", "1: this daemon serves; 0: it waits as a standby.", self.serves)
        yield _gauges("build_info", "The version.", "version", {__version__: 1})


def _calls(calls: Iterable[Call], moment: Instant) -> Iterator[Metric]:
    live, unanswered, longest = dict.fromkeys(SITUATIONS.values(), 0), 0, 0.0
    for call in calls:
        if isinstance(call.situation, Ended):
            continue
        live[SITUATIONS[type(call.situation).__name__]] += 1
        if call.waits_for_a_human:
            unanswered += 1
            longest = max(longest, (moment.mono_ns - call.arrived.mono_ns) / 1e9)
    yield _gauges("calls_live", "Calls that go on, by situation.", "situation", live)
    yield _gauge("callers_unanswered", "Callers whom no human has accepted yet.", unanswered)
    yield _gauge("callers_unanswered_longest_seconds", "How long the first of them has waited.", longest)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pbx112_{name}", says, value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"pbx112_{name}", says, value)


def _gauges(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"pbx112_{name}", says, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
