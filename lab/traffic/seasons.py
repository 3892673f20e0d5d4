"""When calls come: by the hour, the weekday, the rains, the days around Eid, and in bursts when something happens.

The shapes are ours, made to look like a small kabupaten's; no office has published its hours. What DOMAIN knows (the
shares of pranks and ghost calls) is in :mod:`lab.traffic.people`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

HOURS = (
    *(0.45, 0.32, 0.24, 0.20, 0.24, 0.40, 0.70, 0.95, 1.10, 1.15, 1.15, 1.10),
    *(1.15, 1.25, 1.35, 1.45, 1.45, 1.35, 1.45, 1.60, 1.55, 1.35, 1.05, 0.70),
)
"""Calls of each hour of the day, the mean being 1: children after school, everybody in the evening."""

WEEKDAYS = (0.96, 0.95, 0.95, 0.97, 1.00, 1.10, 1.07)
MONTHS = (1.12, 1.06, 1.02, 0.96, 0.92, 0.90, 0.92, 0.94, 0.97, 1.02, 1.08, 1.12)

EID = (
    *(date(2020, 5, 24), date(2021, 5, 13), date(2022, 5, 2), date(2023, 4, 22), date(2024, 4, 10)),
    *(date(2025, 3, 31), date(2026, 3, 20), date(2027, 3, 10), date(2028, 2, 26), date(2029, 2, 14)),
)
"""First day of Idul Fitri, when half of the country travels home."""

BURSTS_A_YEAR = 40.0
HOUR_US = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call comes at `at_us` (UTC, microseconds); `incident` is what many call for at this time, or empty."""

    at_us: int
    incident: str = ""


@dataclass(frozen=True, slots=True)
class _Burst:
    incident: str
    begins_us: int
    calls: float
    fades_us: float


def arrivals(chance: Random, begins: date, per_day: float, zone: ZoneInfo) -> Iterator[Arrival]:
    """Calls without end from `begins` (midnight in `zone`) on, in order; `per_day` is the mean of an ordinary day."""
    hour_us = round(datetime(begins.year, begins.month, begins.day, tzinfo=zone).timestamp()) * 1_000_000
    bursts: list[_Burst] = []
    while True:
        local = datetime.fromtimestamp(hour_us / 1e6, UTC).astimezone(zone)
        bursts = [burst for burst in bursts if hour_us - burst.begins_us < 5 * burst.fades_us]
        wet = MONTHS[local.month - 1] ** 4
        if chance.random() < BURSTS_A_YEAR / 8766 * wet:
            bursts.append(_burst(chance, hour_us, per_day, wet))
        found = [
            Arrival(hour_us + chance.randrange(HOUR_US))
            for _ in range(poisson(chance, per_day / 24 * weight(local)))
        ]
        for burst in bursts:
            found += [
                Arrival(hour_us + chance.randrange(HOUR_US), burst.incident)
                for _ in range(poisson(chance, burst.calls * _share(burst, hour_us)))
            ]
        found.sort(key=lambda arrival: arrival.at_us)
        yield from found
        hour_us += HOUR_US


def weight(local: datetime) -> float:
    """How busy this hour is, the mean of a year being about 1."""
    return HOURS[local.hour] * WEEKDAYS[local.weekday()] * MONTHS[local.month - 1] * _eid(local.date())


def poisson(chance: Random, mean: float) -> int:
    """A Poisson number; beyond 200 by the normal distribution."""
    if mean > 200:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def _eid(day: date) -> float:
    if any(timedelta(-4) <= day - eid <= timedelta(6) for eid in EID if eid.year == day.year):
        return 1.5
    return 1.0


def _burst(chance: Random, hour_us: int, per_day: float, wet: float) -> _Burst:
    kinds = {
        "tanah_longsor": 2.0 * wet,
        "banjir": 3.0 * wet,
        "kebakaran": 3.0,
        "kecelakaan": 3.0,
        "gangguan_listrik": 1.0,
        "bencana_alam": 0.3,
    }
    incident = chance.choices(list(kinds), list(kinds.values()))[0]
    calls = max(40.0, per_day) * chance.lognormvariate(-1.4, 0.8)
    return _Burst(incident, hour_us, calls, chance.uniform(0.3, 1.5) * HOUR_US)


def _share(burst: _Burst, hour_us: int) -> float:
    """The part of the burst's calls that comes in this hour."""
    since = (hour_us - burst.begins_us) / burst.fades_us
    return math.exp(-since) - math.exp(-since - HOUR_US / burst.fades_us)
