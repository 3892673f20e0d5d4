"""The daemon: its parts wired in the order in which a call meets them."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import structlog
from prometheus_client import CollectorRegistry

from pbx112 import __version__
from pbx112.ari import Replaced
from pbx112.cdr.migrate import MigrationError, migrate, pending
from pbx112.cdr.ship import Shipper
from pbx112.desk import DeskServer, LineWatch
from pbx112.health import Health
from pbx112.journal import Journal, Over, read_beat
from pbx112.log import configure as log_lines
from pbx112.model.events import TOLD_AFTER_THE_END, CallEnded, DaemonStarted, DaemonStopped, JournalGap
from pbx112.notify import notify
from pbx112.plan.load import PlanError, load_plan
from pbx112.plan.types import Plan
from pbx112.room import RoomWatch
from pbx112.settings import Settings
from pbx112.standby import beating, our_turn
from pbx112.switch.fallback import Takeover
from pbx112.switch.live import now
from pbx112.switch.record import draft
from pbx112.switch.switch import Switch
from pbx112.tasks import RESTART_PAUSE, keep_running
from pbx112.verify import OrderServer, Schedule
from pbx112.verify.wire import socket_beside
from pbx112.watch import Gauges, Meter, WatchServer

T = TypeVar("T")

log = structlog.get_logger()

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
)
"""What says that Postgres is away, not that something is wrong with us."""

WATCH_AGAIN = 1.0
"""Seconds until the address for health and metrics is tried again."""

WATCH_GRACE = 3.0
"""Seconds for which a daemon that waits leaves that address to the one who serves, who may have the same: else one that
was just started again would say there, as long as it lives, that it waits, and nobody would speak for the other."""

SHIPPING_GRACE = 2.0
"""Seconds that an orderly stop waits for the last records to arrive in Postgres."""


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads `agencies.yaml` again. Where another daemon serves from the same
    journal, wait until it has ended, and take over.

    Raises :class:`PlanError` where there is no usable plan, :class:`pbx112.journal.JournalError` where the
    journal cannot be opened, :class:`pbx112.ari.Replaced` when another daemon has taken over.
    """
    asked, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)  # at once: by default it kills
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    plan = _first_plan(settings)
    _spare_the_collector()
    watch = WatchServer(CollectorRegistry(), lambda: f"process {read_beat(settings.journal).process}")
    log_lines(settings.log_level, watch.count_line)
    watching = asyncio.create_task(keep_running("health and metrics", lambda: _watch(settings, watch)))
    try:
        await _in_turn(settings, plan, watch, asked, stop)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    log.info("stopped", action="stopped")


async def _in_turn(
    settings: Settings, plan: Plan, watch: WatchServer, asked: asyncio.Event, stop: asyncio.Event
) -> None:
    """Wait until we may serve, and serve."""
    before = _content(settings)
    lock = await _unless(stop, our_turn(settings.journal))
    if lock is None:
        return
    if asked.is_set() or _content(settings) != before:  # the plan changed while we waited, told or not
        asked.clear()
        try:
            plan = _first_plan(settings)
        except PlanError as error:  # the one that we have is better than none
            _tell(error)
    async with beating(lock):
        journal = await Journal.open(
            settings.journal,
            lock=lock,
            closing=[CallEnded.__name__],
            late=[kind.__name__ for kind in TOLD_AFTER_THE_END],
            gap=lambda lost, why: draft("", JournalGap(lost, why), now(), ""),
            on_alarm=_alarm,
        )
    try:
        await _run(settings, journal, plan, watch, asked, stop)
    finally:
        async with beating(lock):
            await journal.close()


async def _watch(settings: Settings, watch: WatchServer) -> None:
    """Serve health and metrics; where the address is taken, most likely by the daemon for which we wait, try again.
    Nothing else depends on it."""
    told = False
    while settings.watch_port:
        with suppress(TimeoutError):
            async with asyncio.timeout(WATCH_GRACE):
                await watch.serving.wait()
        try:
            await watch.run(settings.watch_host, settings.watch_port)
        except OSError as error:
            if not told:
                log.warning(
                    "health and metrics are not served: see PBX112_WATCH_HOST and PBX112_WATCH_PORT; a standby with "
                    "the same address serves them when it has taken over",
                    action="watch",
                    error=str(error),
                )
            told = True
        await asyncio.sleep(WATCH_AGAIN)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` gives; None where `stop` comes first."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()


async def _run(
    settings: Settings,
    journal: Journal,
    plan: Plan,
    watch: WatchServer,
    asked: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    journal.append([draft("", DaemonStarted(__version__, _boot_id(), settings.node), now(), plan.hash)])
    switch = Switch(settings.ari(), journal, plan)
    meter = Meter(watch.registry, lambda: switch.plan)
    switch.heeds.append(meter.heed)
    switch.use_plan(plan)
    log.info("plan loaded", action="plan_loaded", plan=plan.hash, file=str(settings.agencies))

    room = RoomWatch(settings.journal)
    dsn = settings.dsn.get_secret_value() if settings.dsn is not None else ""
    shipper = Shipper(journal, dsn, settings.node, _alarm, plan=lambda: switch.plan) if dsn else None
    health = Health(journal, switch, settings.ari(), room, shipper)
    lines = _line_watch(settings, switch)
    watch.serves(health, Gauges(switch, journal, room, health, shipper, lines), journal, shipper)
    desk = DeskServer(switch, settings.agi_host, settings.agi_port, settings.pins)
    orders = OrderServer(switch, socket_beside(settings.journal))
    schedule = Schedule(switch, orders)
    verifying = [
        asyncio.create_task(keep_running("orders to verify lines", orders.run)),
        asyncio.create_task(keep_running("scheduled verification", schedule.run)),
    ]
    takeover = Takeover(settings.fallback_records, journal, switch)
    side = [
        asyncio.create_task(keep_running("reload", lambda: _reload_when(asked, settings, switch))),
        asyncio.create_task(keep_running("fallback records", takeover.run)),
        asyncio.create_task(keep_running("desk codes", desk.run)),
        asyncio.create_task(keep_running("heartbeat", health.beat, pause=0.1)),
        asyncio.create_task(keep_running("health of Asterisk", health.listen)),
        asyncio.create_task(keep_running("room for the journal", room.run)),
        asyncio.create_task(_count_on(switch, meter)),
    ]
    if lines is not None:
        switch.heeds.append(lines.heed)
        side.append(asyncio.create_task(keep_running("line watch", lines.run)))
    if shipper is not None:
        side.append(asyncio.create_task(keep_running("records", lambda: _ship(dsn, shipper))))
    else:
        log.warning("PBX112_DSN is not set: records stay in the journal", action="no_database")

    calls = asyncio.create_task(switch.run(), name="switch")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([calls, stopping], return_when=asyncio.FIRST_COMPLETED)
        if calls.done():
            await calls
            return
        log.info("stopping", action="stopping", live=len(switch.live_calls()))
        notify("STOPPING=1")
        await _cancelled(verifying)  # their test calls end while Asterisk can still be asked
        await switch.stop()
        await journal.append([draft("", DaemonStopped("signal"), now(), switch.plan.hash)])
        if shipper is not None:
            await shipper.flush(SHIPPING_GRACE)
    except Replaced:
        log.error("another daemon has taken the application over; this one stops", action="replaced")
        raise
    finally:
        await _cancelled([calls, stopping, *verifying, *side])


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _line_watch(settings: Settings, switch: Switch) -> LineWatch | None:
    password = settings.ami_password.get_secret_value() if settings.ami_password else ""
    if not password:
        log.info("PBX112_AMI_PASSWORD is not set: lines are not watched", action="line_watch")
        return None
    return LineWatch(
        switch, settings.ari(), settings.ami_host, settings.ami_port, settings.ami_user, password
    )


async def _count_on(switch: Switch, meter: Meter) -> None:
    """Calls of before: their times go on being counted from their arrival."""
    await switch.recovered.wait()
    meter.take_up(switch.live_calls())


async def _ship(dsn: str, shipper: Shipper) -> None:
    """Bring the records' tables up to date as soon as Postgres can be reached, then ship."""
    while True:
        try:
            if await pending(dsn):
                for name in await migrate(dsn):
                    log.info("migration applied", action="migrated", migration=name)
            break
        except UNREACHABLE as error:
            why = shipper.trouble = str(error) or type(error).__name__
            log.warning(
                "Postgres cannot be reached; records wait in the journal", action="no_database", error=why
            )
            await asyncio.sleep(RESTART_PAUSE)
        except (MigrationError, asyncpg.PostgresError) as error:
            _alarm(f"records: the tables are not up to date ({error}); run `pbx112 migrate` as their owner")
            break
    await shipper.run()


def _first_plan(settings: Settings) -> Plan:
    """The plan in the file; where that is bad, the last good one, loudly."""
    try:
        return _load(settings)
    except PlanError as error:
        kept = _kept(settings)
        if not kept.exists():
            raise
        _tell(error)
        log.error("agencies.yaml is bad: the last good one decides", action="plan_refused", kept=str(kept))
        return load_plan(kept).plan


def _content(settings: Settings) -> bytes:
    """What stands in `agencies.yaml` now; nothing where it cannot be read."""
    try:
        return settings.agencies.read_bytes()
    except OSError:
        return b""


async def _reload_when(asked: asyncio.Event, settings: Settings, switch: Switch) -> None:
    """Read `agencies.yaml` again each time it is asked for; a bad file leaves the running plan."""
    while True:
        await asked.wait()
        asked.clear()
        try:
            plan = await asyncio.to_thread(_load, settings)
        except PlanError as error:
            _tell(error)
            log.error(
                "agencies.yaml is bad: the running plan stays", action="plan_refused", plan=switch.plan.hash
            )
        else:
            switch.use_plan(plan)
            log.info("plan loaded", action="plan_loaded", plan=plan.hash, file=str(settings.agencies))


def _load(settings: Settings) -> Plan:
    loaded = load_plan(settings.agencies)
    for warning in loaded.warnings:
        log.warning(str(warning), action="plan_warning")
    _keep(settings)
    return loaded.plan


def _keep(settings: Settings) -> None:
    """A copy beside the journal, should the next start find a bad file."""
    kept = _kept(settings)
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = kept.with_suffix(".new")
        fresh.write_bytes(settings.agencies.read_bytes())
        fresh.replace(kept)
    except OSError as error:
        log.warning("no copy of agencies.yaml could be kept", action="plan_copy", error=str(error))


def _kept(settings: Settings) -> Path:
    return settings.journal.with_name("agencies.last-good.yaml")


def _spare_the_collector() -> None:
    """Keep the cycle collector from going through all that was loaded for good, again and again, while callers
    wait: a call's objects are freed as soon as nobody refers to them (`docs/performance.md`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _boot_id() -> str:
    """Names this boot of the machine: monotonic clocks compare within it (Linux, random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _tell(error: PlanError) -> None:
    for finding in error.findings:
        log.error(str(finding), action="plan_error")


def _alarm(what: str) -> None:
    if isinstance(what, Over):
        log.info(what, action="alarm")  # good news: the alert rule on errors is not to fire for it
    else:
        log.error(what, action="alarm")
