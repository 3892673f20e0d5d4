"""What monitoring sees: health and metrics of a real daemon with real calls, and rules and dashboards that fit them."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from lab import promtool
from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import Answers
from lab.processes import eventually
from tests.exchange.plans import plan
from tests.exchange.test_standby import standby_of

REPOSITORY = Path(__file__).parent.parent.parent
DEPLOY = REPOSITORY / "deploy"
SOON = Answers(after=0.3)


async def page(exchange: Exchange, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as web, web.get(exchange.watch_url + path) as said:
        return said.status, await said.text()


async def health(exchange: Exchange) -> dict[str, Any]:
    async with aiohttp.ClientSession() as web, web.get(exchange.watch_url + "/healthz") as said:
        return dict(await said.json()) | {"code": said.status}


class Seen:
    """A page of metrics, by name and labels."""

    def __init__(self, text: str) -> None:
        self.values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.values.get((f"pbx112_{name}", frozenset(labels.items())), math.nan)


async def metrics(exchange: Exchange) -> Seen:
    return Seen((await page(exchange, "/metrics"))[1])


async def test_a_call_as_monitoring_sees_it(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=15))
    await exchange.phones({"1101": Answers(after=1.2)})
    before = await metrics(exchange)
    caller = Caller()
    calling = await exchange.dial(caller)

    async def rings() -> bool:
        now = await metrics(exchange)
        return now("callers_unanswered") == 1 and now("callers_unanswered_longest_seconds") > 0

    async def talks() -> bool:
        now = await metrics(exchange)
        return (
            now("calls_live", situation="talking") == 1
            and now("call_takers", state="talking") == 1
            and now("callers_unanswered") == 0
        )

    await eventually(rings, 5)
    await calling.answered()
    await eventually(talks, 5)
    calling.hang_up()
    record = await exchange.record(caller)

    async def counted() -> bool:
        now = await metrics(exchange)
        return now("shipping_lag_entries") == 0 and now("calls_live", situation="talking") == 0

    await eventually(counted, 5)
    after = await metrics(exchange)

    def grew(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert grew("calls_arrived_total", via="daemon") == 1
    assert grew("calls_ended_total", outcome=record.call["outcome"]) == 1
    assert grew("legs_ended_total", owner="call_takers", result="accepted") == 1
    waited = grew("call_accept_seconds_sum", via="daemon")
    assert abs(waited - float(record.call["ring_seconds"])) < 0.01
    assert after("ari_connected") == 1 and after("serving") == 1
    _, text = await page(exchange, "/metrics")
    assert caller.number[1:] not in text


async def test_what_is_amiss_is_named_until_it_is_over(exchange: Exchange) -> None:
    async def is_well() -> bool:
        return bool((await health(exchange))["status"] == "ok")

    await eventually(is_well, 10)
    await exchange.stop_postgres()
    await exchange.daemon.reload(exchange.plan.hash)  # something to be shipped

    async def is_degraded() -> bool:
        said = await health(exchange)
        return said["status"] == "degraded" and [each["what"] for each in said["reasons"]] == ["records"]

    await eventually(is_degraded, 10)
    assert (await health(exchange))["code"] == 200  # no restart would mend it

    async def is_told() -> bool:  # a page is given again for a second
        return (await metrics(exchange))("trouble", what="records") == 1

    await eventually(is_told, 5)
    await exchange.start_postgres()
    await eventually(is_well, 15)
    begun, over = exchange.daemon.said("alarm")[-2:]
    assert "not arriving" in begun["event"] and begun["level"] == "error"
    assert "arrive in Postgres again" in over["event"] and over["level"] == "info"  # no alert for good news


async def test_whoever_takes_over_tells_from_then_on(exchange: Exchange) -> None:
    async with standby_of(exchange):
        await exchange.daemon.kill()
        await exchange.standby.says("connected")

        async def tells() -> bool:
            try:
                return (await metrics(exchange))("serving") == 1
            except aiohttp.ClientError:
                return False

        await eventually(tells, 5)


async def test_what_the_fallback_did_is_counted_when_the_daemon_is_back(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON})
    await exchange.daemon.kill()
    calling = await exchange.dial(Caller(talk=0.2))
    await calling.answered()
    await calling.ended()
    await exchange.daemon.start()

    async def counted() -> bool:
        now = await metrics(exchange)
        return now("calls_arrived_total", via="fallback") == 1 and (
            now("call_accept_seconds_count", via="fallback") == 1
        )

    await eventually(counted, 10, pause=0.1)


async def test_rules_and_dashboard_name_what_there_is(exchange: Exchange, tmp_path: Path) -> None:
    """By Prometheus' own checker: the page, the rules, and what the rules say of a hand-made hour."""
    _, text = await page(exchange, "/metrics")
    checker = promtool.find()
    assert checker is not None, "run `make setup`"
    check(checker, "check", "metrics", words=text)
    for file in ("pbx112.rules.yml", "prometheus.yml"):
        shutil.copy(DEPLOY / "prometheus" / file, tmp_path)
    shutil.copy(REPOSITORY / "tests" / "watch" / "rules.test.yml", tmp_path)
    check(checker, "check", "config", str(tmp_path / "prometheus.yml"))
    check(checker, "test", "rules", str(tmp_path / "rules.test.yml"))
    there = {name for name, _ in Seen(text).values}
    for shipped in (DEPLOY / "prometheus" / "pbx112.rules.yml", DEPLOY / "grafana" / "pbx112.json"):
        named = set(re.findall(r"\bpbx112_[a-z_]+", shipped.read_text()))
        assert len(named) > 10
        assert named - there == set(), shipped.name


def check(checker: Path, *arguments: str, words: str = "") -> None:
    said = subprocess.run([checker, *arguments], input=words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
