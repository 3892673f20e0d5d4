"""`/healthz` and `/metrics`, for monitoring. No call waits for it: an answer takes some milliseconds, and at most one a
second is worked out anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from pbx112.cdr.ship import Shipper
from pbx112.health import Health
from pbx112.journal import Journal, JournalError
from pbx112.web import answer, serving

from .gauges import Gauges, Role

log = structlog.get_logger()

MOST, LONGEST = 16, 20.0
"""Connections at once; seconds of each."""
PACE = 0.05
"""Seconds for which every answer waits first: with so few connections at once, whoever asks without end gets some
hundred answers a second, and calls keep the rest of the daemon's time."""
ANEW = 1.0
"""Seconds for which the metrics that were worked out are given again."""
LAG_EVERY = 0.1
"""Seconds between two looks how late the event loop is."""
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds."""
BEHIND_WITHIN = 1.0
"""Seconds for which the journal may be asked how old the oldest entry is that has not arrived."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class WatchServer:
    """Serves from the start: a standby says that it is one."""

    def __init__(self, registry: CollectorRegistry, standby: Callable[[], str] = str) -> None:
        self.registry = registry
        self.serving = asyncio.Event()
        """Set once this daemon serves; before, it waits."""
        self._standby = standby
        self._role = Role()
        self._health: Health | None = None
        self._gauges: Gauges | None = None
        self._journal: Journal | None = None
        self._shipper: Shipper | None = None
        self._made: tuple[float, bytes] = (0.0, b"")
        self._late = Histogram(
            "pbx112_event_loop_lag_seconds",
            "How much later than asked for the event loop did something.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._lines = Counter(
            "pbx112_log_lines",
            "Lines of the log, by level and action.",
            ["level", "action"],
            registry=registry,
        )
        registry.register(self._role)
        ProcessCollector(registry=registry)

    def count_line(self, level: str, action: str) -> None:
        """A line of the log."""
        self._lines.labels(level, action).inc()

    def serves(self, health: Health, gauges: Gauges, journal: Journal, shipper: Shipper | None) -> None:
        """From here on this daemon serves, and these tell how."""
        self._health, self._gauges, self._journal, self._shipper = health, gauges, journal, shipper
        self._role.serves = True
        self.serving.set()
        collector: Collector = gauges
        self.registry.register(collector)

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled. Raises :class:`OSError` where the address is taken (a pair with the same settings:
        by the one who serves) or cannot be used."""
        async with serving(self._answer, host, port, most=MOST, longest=LONGEST):
            log.info("health and metrics are served", action="watch", address=f"{host}:{port}")
            await self._watch_the_loop()

    async def _watch_the_loop(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._late.observe(max(0.0, clock() - due))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(PACE)
        if request.method not in ("GET", "HEAD"):
            return answer("only GET\n", status=405, Allow="GET, HEAD")
        match request.path:
            case "/healthz":
                return self._healthz()
            case "/metrics":
                return answer(await self._metrics(), PROMETHEUS)
            case _:
                return answer("/healthz, /metrics\n", status=404)

    def _healthz(self) -> web.Response:
        """200 while the daemon does its work, however degraded; 503 where a restart is the cure."""
        if self._health is None:
            body: dict[str, object] = {"status": "ok", "role": "standby", "waits_for": self._standby()}
            return answer(msgspec.json.encode(body), "application/json")
        found = self._health.troubles()
        fatal = any(trouble.fatal for trouble in found)
        status = "failing" if fatal else "degraded" if found else "ok"
        reasons = [{"what": trouble.what, "why": trouble.why} for trouble in found]
        body = {"status": status, "role": "serving", "reasons": reasons}
        return answer(msgspec.json.encode(body), "application/json", 503 if fatal else 200)

    async def _metrics(self) -> bytes:
        if time.monotonic() - self._made[0] > ANEW:
            self._made = (time.monotonic(), self._made[1])  # whoever asks meanwhile gets the last one
            if self._gauges is not None:
                self._gauges.lag_seconds = await self._behind()
            self._made = (time.monotonic(), generate_latest(self.registry))
        return self._made[1]

    async def _behind(self) -> float:
        """Seconds since the oldest entry was written that has not arrived in Postgres; 0 where all has."""
        journal, shipper = self._journal, self._shipper
        if journal is None or shipper is None or shipper.shipped >= journal.written:
            return 0.0
        try:
            async with asyncio.timeout(BEHIND_WITHIN):
                oldest = await journal.read(shipper.shipped, 1)
        except (JournalError, TimeoutError):
            return float("nan")
        return max(0.0, time.time() - oldest[0].utc_us / 1e6) if oldest else 0.0
