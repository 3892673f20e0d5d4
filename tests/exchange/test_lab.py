"""The lab itself: what the other stories stand on must be true."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from lab import config, service
from lab.asterisk import Asterisk
from lab.baresip import baresip
from lab.callers import Caller, start_call
from lab.demo import play_story
from lab.exchange import Exchange
from lab.network import Network, free_net
from lab.phones import BUSY, DECLINES, HUMAN, SILENT, Answers, Behaviour, Phone, start_phones
from lab.postgres import Postgres
from lab.processes import alive, eventually
from lab.sipp import Key
from lab.sound import tone_of, write_tone
from lab.stories import STORIES

PLAN = Path(__file__).parent.parent.parent / "agencies.yaml"
EXTENSIONS = config.Parties(("2101", "2102"), ("gsm",))
DIALPLAN = """
[pbx112-intake]
exten => 112,1,Dial(PJSIP/2101,10)
exten => 113,1,Dial(PJSIP/2101&PJSIP/2102,10)
exten => 114,1,Dial(PJSIP/+6281200000001@gsm,10,gU(asked))
exten => 115,1,Answer()
 same => n,Read(KEYS,,3,,1,5)
 same => n,Log(NOTICE,caller pressed ${KEYS})
[asked]
exten => s,1,Read(KEY,,1,,1,5)
 same => n,Log(NOTICE,mobile pressed ${KEY})
 same => n,Return()
"""


class Plain:
    """An Asterisk that dials by its dialplan alone, and phones."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.network = folder, Network(free_net())
        files = config.shipped(self.network.exchange, "secret")
        files |= {"pjsip.conf": config.pjsip(self.network, EXTENSIONS), "pbx112.conf": DIALPLAN}
        self.asterisk = Asterisk(folder / "asterisk", files)
        self.phones: list[Phone] = []

    async def phone(self, number: str, behaviour: Behaviour) -> Phone:
        mobile = number.startswith("+")
        address = self.network.trunk("gsm") if mobile else self.network.extension(number)
        phone = (await start_phones(self.folder / "phones", address, {number: (number, behaviour)}))[number]
        self.phones.append(phone)
        return phone

    async def until_noticed(self, words: str) -> None:
        log = self.asterisk.folder / "log" / "messages"
        await eventually(lambda: words in log.read_text())


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plain]:
    plain = Plain(tmp_path_factory.mktemp("plain"))
    await plain.asterisk.start()
    yield plain
    await plain.asterisk.stop()


@pytest.fixture
async def plain(running: Plain) -> AsyncIterator[Plain]:
    yield running
    for phone in running.phones:
        await phone.sipp.stop()
    running.phones.clear()


async def test_a_caller_reaches_a_phone_and_hangs_up(plain: Plain) -> None:
    phone = await plain.phone("2101", Answers(after=0.2))
    call = await start_call(Caller(number="081271120009"), plain.folder / "callers", plain.network)
    await call.answered()
    call.hang_up()
    await call.ended()
    assert phone.rang == 1
    assert "081271120009" in phone.received("INVITE")[0].header("From")
    assert phone.received("BYE")
    assert 0.15 < call.setup_seconds < 2


async def test_a_caller_gives_up_while_it_rings(plain: Plain) -> None:
    phone = await plain.phone("2101", SILENT)
    call = await start_call(Caller(patience=0.3), plain.folder / "callers", plain.network)
    await call.ringing()
    await call.ended()
    assert phone.received("CANCEL")
    assert not phone.told_answered_elsewhere


async def test_a_phone_hangs_up(plain: Plain) -> None:
    await plain.phone("2101", Answers(after=0.1, talk=0.2))
    call = await start_call(Caller(), plain.folder / "callers", plain.network)
    await call.ended()
    assert call.hung_up_by_exchange


@pytest.mark.parametrize(("behaviour", "status"), [(BUSY, 486), (DECLINES, 603)])
async def test_a_phone_says_no(plain: Plain, behaviour: Behaviour, status: int) -> None:
    phone = await plain.phone("2101", behaviour)
    call = await start_call(Caller(), plain.folder / "callers", plain.network)
    assert await call.refused() >= 400
    assert [m.status for m in phone.messages if m.sent] == [status]


async def test_the_one_who_comes_too_late_is_told_that_it_was_answered_elsewhere(plain: Plain) -> None:
    first = await plain.phone("2101", Answers(after=0.2))
    late = await plain.phone("2102", SILENT)
    call = await start_call(Caller(dials="113", talk=0.1), plain.folder / "callers", plain.network)
    await call.ended()
    assert late.told_answered_elsewhere
    assert not first.told_answered_elsewhere


async def test_somebody_on_a_mobile_presses_1(plain: Plain) -> None:
    await plain.phone("+6281200000001", HUMAN)
    await start_call(Caller(dials="114", talk=1), plain.folder / "callers", plain.network)
    await plain.until_noticed("mobile pressed 1")


async def test_a_caller_presses_keys_one_after_the_other(plain: Plain) -> None:
    keys = (Key("4"), Key("4"), Key("9"))
    await start_call(Caller(dials="115", keys=keys, talk=1), plain.folder / "callers", plain.network)
    await plain.until_noticed("caller pressed 449")


async def test_each_side_hears_the_others_tone(plain: Plain, tmp_path: Path) -> None:
    net = plain.network
    async with (
        baresip(tmp_path / "desk", "2101", net.extension("2101"), net.exchange, 880) as desk,
        baresip(tmp_path / "citizen", "citizen", net.incoming_trunk, net.exchange, 440) as citizen,
    ):
        await citizen.dial(f"sip:112@{net.exchange}")
        await desk.hears(440)
        await citizen.hears(880)


def test_silence_and_a_third_tone_are_neither(tmp_path: Path) -> None:
    assert tone_of(write_tone(tmp_path / "a.wav", 440, 2)) == 440
    assert tone_of(write_tone(tmp_path / "b.wav", 660, 2)) is None
    assert tone_of(tmp_path / "none.wav") is None


async def test_postgres_comes_back_with_its_data(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path, f"{free_net()}.0.1")
    await postgres.start()
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1")
    await postgres.stop()
    with pytest.raises(OSError):
        await asyncpg.connect(postgres.dsn)
    await postgres.start()
    connection = await asyncpg.connect(postgres.dsn)
    assert await connection.fetchval("SELECT * FROM kept") == 1
    await connection.close()
    await postgres.stop()


async def test_a_citizens_call_stands_in_the_records(exchange: Exchange) -> None:
    await exchange.reload_plan(PLAN.read_text())
    await exchange.phones({"1101": Answers(after=0.2), "1102": SILENT})
    caller = Caller(talk=0.2)
    await (await exchange.dial(caller)).ended()
    record = await exchange.record(caller)
    assert (record.outcome, record.tried) == (
        "answered",
        (("1101", "accepted"), ("1102", "answered_elsewhere")),
    )
    await exchange.quiet()


async def test_a_story_that_did_not_come_true_is_told_as_such(exchange: Exchange) -> None:
    story = STORIES[0]
    assert all(row.agrees for row in await play_story(exchange, story))
    wrong = replace(story, tried=(("2101", "busy"),), caller=Caller(talk=0.1))
    assert [row.what for row in await play_story(exchange, wrong) if not row.agrees] == ["2101"]
    more = replace(story, phones={"2101": BUSY, "2121": story.phones["2101"]}, caller=Caller(talk=0.1))
    assert [row.what for row in await play_story(exchange, more) if not row.agrees] == ["2101", "2121"]


# --- the exchange that stays up ---------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[service.Home]:
    home = service.Home(tmp_path / "home")
    yield home
    _lab("down", home)


def _lab(command: str, home: service.Home, *options: str) -> str:
    whole = [sys.executable, "-m", "lab", command, "--home", str(home.folder), *options]
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=True).stdout


def _variables(home: service.Home) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(home.env.read_text()))


def _processes(home: service.Home) -> list[int]:
    keeper = psutil.Process(home.pid() or 0)
    return [keeper.pid, *(child.pid for child in keeper.children(recursive=True))]


def test_up_leaves_an_exchange_that_others_can_use_and_down_leaves_nothing(home: service.Home) -> None:
    net = free_net()
    assert _lab("up", home, "--net", net).startswith("up:")
    values = _variables(home)
    assert (values["LAB_SIP"], values["LAB_TRUNK"]) == (f"{net}.0.1:5060", f"{net}.1.1")
    assert home.env.stat().st_mode & 0o777 == 0o600
    assert home.phones.read_text().startswith(f"1101 {net}.2.1:5060\n")
    assert f"\n+6281200000001 {net}.3.1:5060\n" in home.phones.read_text()
    told = subprocess.check_output(f'{values["LAB_ASTERISK"]} -rx "core show version"', shell=True, text=True)
    assert told.startswith("Asterisk ")
    assert alive(int(values["LAB_DAEMON_PID"]))

    started = _processes(home)
    assert len(started) > 10
    assert _lab("up", home).startswith("up already")
    assert _processes(home) == started

    assert _lab("down", home) == "down\n"
    assert not [pid for pid in started if alive(pid)]
    assert not home.env.exists()
    assert _lab("down", home) == "nothing was up\n"


def test_phones_of_ones_own_need_free_addresses(home: service.Home) -> None:
    _lab("up", home, "--net", free_net(), "--no-phones")
    names = {psutil.Process(pid).name() for pid in _processes(home)}
    assert "asterisk" in names
    assert "sipp" not in names


def test_up_starts_a_daemon_again_that_was_killed(home: service.Home) -> None:
    _lab("up", home, "--net", free_net(), "--no-phones")
    killed = int(_variables(home)["LAB_DAEMON_PID"])
    os.kill(killed, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed)], timeout=5) if alive(killed) else None
    assert "does not run" in _lab("status", home)
    assert "runs again" in _lab("up", home)
    now = int(_variables(home)["LAB_DAEMON_PID"])
    assert now != killed
    assert alive(now)


async def test_nothing_survives_its_keeper(home: service.Home) -> None:
    _lab("up", home, "--net", free_net())
    started = _processes(home)
    os.kill(started[0], signal.SIGKILL)
    await eventually(lambda: not [pid for pid in started if alive(pid)], within=5)


def test_a_plan_with_mistakes_is_not_put_up(home: service.Home, tmp_path: Path) -> None:
    plan = tmp_path / "agencies.yaml"
    plan.write_text("version: 1\n")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        _lab("up", home, "--agencies", str(plan))
    assert "agencies.yaml" in refused.value.stderr
    assert "Traceback" not in refused.value.stderr
