"""Messages on their way: a real mail server, a real web server, and servers that do them no good."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from structlog.testing import capture_logs
from typer.testing import CliRunner

from lab.processes import eventually
from pbx112.alarms.destinations import Destination, DestinationsError, read
from pbx112.alarms.post import Patience, Post, hand_over
from pbx112.alarms.texts import Message, Voice
from pbx112.alarms.texts import test_message as trial
from pbx112.cli import app

VOICE = Voice("Layanan 112 Kabupaten Kaur", "kaur1")
SECRET = "sup3r-s3cret-pass"
ALARM = Message(
    "112: ALARM: trunk gsm mati", "ALARM: trunk gsm mati, sejak 12:00\n-> gateway", "ALARM pendek", "failure"
)
BRISK = Patience(within=10, again=(0.2,), give_up=60)


class Mailbox:
    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.letters.append(envelope)
        return "250 OK"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == SECRET.encode())


@pytest.fixture
async def mail() -> AsyncIterator[tuple[Mailbox, int]]:
    box = Mailbox()

    def session() -> SMTP:
        return SMTP(box, authenticator=box.login, auth_require_tls=False, auth_required=True, hostname="mx")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a password travels unencrypted: on loopback it may
        server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
        yield box, server.sockets[0].getsockname()[1]
        server.close()


class Site:
    """A web server that notes what it is told; `status` is what it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.refuses: str | None = None
        """Whatever has this in its title."""
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append(
            {
                "path": request.path,
                "query": dict(request.query),
                "headers": dict(request.headers),
                "body": body,
            }
        )
        refused = self.refuses is not None and self.refuses in json.loads(body)["title"]
        return web.Response(status=400 if refused else self.status)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    there = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", there.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.port = runner.addresses[0][1]
    yield there
    await runner.cleanup()


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """It takes connections and never says a word."""
    open_ones: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: open_ones.append(writer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in open_ones:
            writer.close()
        server.close()


@asynccontextmanager
async def posting(file: Path, patience: Patience = BRISK) -> AsyncIterator[Post]:
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Any) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    try:
        yield Post(file, spawn, patience)
    finally:
        for task in tasks:
            task.cancel()
        await ended(*tasks)


async def ended(*deliveries: asyncio.Task[Any], within: float = 20) -> None:
    """Wait until they are over; what hangs fails the test, and does not hang it."""
    _, hang = await asyncio.wait(deliveries, timeout=within)
    assert not hang, f"a delivery that hangs was not ended within {within:g} s"


def list_of(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "alarms.conf"
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o640)
    return file


async def test_a_letter_arrives_whole(mail: tuple[Mailbox, int]) -> None:
    box, port = mail
    url = f"mailto://piket:{SECRET}@127.0.0.1:{port}/?from=pbx112@example.org&to=dua@example.org,satu@example.org"
    assert (await hand_over(Destination(1, url), ALARM)).delivered
    assert box.logins[0] == (b"piket", SECRET.encode())
    assert sorted(each for letter in box.letters for each in letter.rcpt_tos) == [
        "dua@example.org",
        "satu@example.org",
    ]
    content = box.letters[0].content
    assert isinstance(content, bytes)
    letter = message_from_bytes(content, policy=policy.default)
    assert letter["Subject"] == ALARM.title and "pbx112@example.org" in letter["From"]
    body = letter.get_body(("plain", "html"))
    assert body is not None and "trunk gsm mati, sejak 12:00" in body.get_content()


async def test_a_webhook_gets_json_and_its_header(site: Site) -> None:
    url = f"json://127.0.0.1:{site.port}/hook?+Authorization=Bearer%20{SECRET}"
    assert (await hand_over(Destination(1, url), ALARM)).delivered
    [asked] = site.asked
    assert asked["path"] == "/hook" and asked["headers"]["Authorization"] == f"Bearer {SECRET}"
    told = json.loads(asked["body"])
    assert (told["title"], told["message"], told["type"]) == (ALARM.title, ALARM.body, "failure")


async def test_a_gsm_gateway_over_http_gets_the_short_text(site: Site, tmp_path: Path) -> None:
    """As in deploy/alarms.conf."""
    [sample] = [
        line for line in Path("deploy/alarms.conf").read_text().splitlines() if line.startswith("#short form")
    ]
    line = sample[1:].replace("gateway.example.org:8080", f"127.0.0.1:{site.port}")
    [gateway] = read(list_of(tmp_path, line)).all
    assert (await hand_over(gateway, ALARM)).delivered
    [asked] = site.asked
    assert asked["path"] == "/sendsms" and asked["query"]["text"] == ALARM.short
    assert asked["query"]["to"] == "+6281200000001" and asked["query"]["password"] == "PASSWORD"


async def test_one_that_refuses_and_one_that_hangs_hold_up_nobody(site: Site, tmp_path: Path) -> None:
    async with silent_server() as port:
        file = list_of(
            tmp_path,
            f"json://127.0.0.1:{port}/{SECRET}?rto=600",
            f"mailto://piket:{SECRET}@127.0.0.1:1/?to=a@example.org",
            f"json://127.0.0.1:{site.port}/good",
        )
        with capture_logs() as logs:
            async with posting(file, Patience(within=60, give_up=0)) as post:
                post.send(ALARM)
                await eventually(lambda: len(logs) == 2, 30)
    what = {log["to"]: log["action"] for log in logs}
    assert what == {"line 2 (mailto)": "alarm_lost", "line 3 (json)": "alarm_delivered"}
    assert SECRET not in str(logs)
    assert len(site.asked) == 1


async def test_one_that_hangs_is_ended() -> None:
    async with silent_server() as port:
        to = Destination(1, f"json://127.0.0.1:{port}/x?rto=600")
        delivery = asyncio.create_task(hand_over(to, ALARM, within=2))
        await ended(delivery)
    assert delivery.result().why == "no answer within 2 s"
    assert await asyncio.to_thread(_deliveries) == []


def _deliveries() -> list[bytes]:
    """The arguments of each that runs."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    arguments = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return [each for each in arguments if b"pbx112.alarms.deliver" in each]


async def test_it_is_tried_until_it_arrives(site: Site, tmp_path: Path) -> None:
    site.status = 503
    with capture_logs() as logs:
        async with posting(list_of(tmp_path, f"json://127.0.0.1:{site.port}/hook")) as post:
            post.send(ALARM)
            await eventually(lambda: len(site.asked) >= 2, 15)
            site.status = 200
            await eventually(lambda: any(log["action"] == "alarm_delivered" for log in logs), 15)
    failures = [log for log in logs if log["action"] == "alarm_undelivered"]
    assert len(failures) == 1 and "503" in failures[0]["error"]


async def test_one_that_is_refused_for_good_holds_up_none_that_follows(site: Site, tmp_path: Path) -> None:
    """A gateway that takes no message with these letters; the next one is about another agency."""
    patience = Patience(within=10, again=(300.0,), give_up=3600)
    refused = replace(ALARM, title="112: ALARM: ✆")
    site.refuses = "✆"
    async with posting(list_of(tmp_path, f"json://127.0.0.1:{site.port}/hook"), patience) as post:
        with capture_logs() as logs:
            post.send(refused)
            await eventually(lambda: [log["action"] for log in logs] == ["alarm_undelivered"], 15)
            assert post.owes
            post.send(ALARM)
            await eventually(lambda: len(site.asked) == 3, 15)
            assert post.owes, "the first one"
        site.refuses = None
        post.send(replace(ALARM, title="112: SELESAI"))
        await eventually(lambda: not post.owes, 15)
    titles = [json.loads(asked["body"])["title"] for asked in site.asked]
    assert titles == [refused.title, ALARM.title, refused.title, "112: SELESAI", refused.title]


async def test_a_destination_that_is_away_keeps_the_newest(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with posting(list_of(tmp_path, "json://127.0.0.1:1/hook")) as post:
            for number in range(25):
                post.send(Message(f"t{number}", "b", "s", "info"))
    assert [log["title"] for log in logs if log["action"] == "alarm_lost"] == [
        f"t{number}" for number in range(5)
    ]


async def test_no_secret_is_in_the_arguments_or_the_environment_of_a_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBX112_ARI_PASSWORD", "the-password-of-ari")
    async with silent_server() as port:
        url = f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}?rto=600"
        sending = asyncio.create_task(hand_over(Destination(1, url), ALARM, within=60))
        await eventually(lambda: len(_deliveries()) == 1, 20)
        [child] = [
            child
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            if b"pbx112.alarms" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        shown = Path(f"/proc/{child}/cmdline").read_bytes() + Path(f"/proc/{child}/environ").read_bytes()
        sending.cancel()
        await ended(sending)
    assert SECRET.encode() not in shown and b"password-of-ari" not in shown
    assert _deliveries() == []  # whoever stops waiting leaves none behind


async def test_a_reason_names_no_secret(site: Site) -> None:
    site.status = 401
    for url in (
        f"json://{SECRET}:{SECRET}@127.0.0.1:{site.port}/{SECRET}",
        f"mailto://{SECRET}%40example.org:{SECRET}@127.0.0.1:1/?to={SECRET}@example.org",
        f"tgram://{SECRET}/nonsense",
        f"twilio://{SECRET}",
        f"mailto://piket:{SECRET}@127.0.0.1:1/",
    ):
        outcome = await hand_over(Destination(1, url), ALARM)
        assert not outcome.delivered and outcome.why
        assert SECRET not in outcome.why


def test_the_file_and_its_mistakes(tmp_path: Path) -> None:
    file = list_of(
        tmp_path, "# who is told", "", "MAILTO://a:b@example.org", "short form://example.org/sms",
        "twilio://A:B@+1/+2", SECRET, f"syslog://{SECRET}", f"dbus://{SECRET}", "json://a, json://b",
    )  # fmt: skip
    found = read(file)
    assert [(each.line, each.scheme, each.short) for each in found.all] == [
        (3, "mailto", False), (4, "form", True), (5, "twilio", True),
    ]  # fmt: skip
    assert [each.split(": ")[0] for each in found.mistakes] == [f"{file}:{line}" for line in (6, 7, 8, 9)]
    assert SECRET not in str(found) and "a:b" not in repr(found)
    assert not found.open
    file.chmod(0o644)
    assert read(file).open
    many = read(list_of(tmp_path, *["json://example.org/x"] * 12))
    assert len(many.all) == 10 and "one address too many" in many.mistakes[1]
    with pytest.raises(DestinationsError, match="does not exist"):
        read(tmp_path / "other")


def alarms(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PBX112_ALARMS": str(file), "PBX112_NODE": "kaur1"}
    environment |= {"PBX112_AGENCIES": str(Path("agencies.yaml").absolute())}
    command = [sys.executable, "-m", "pbx112", "alarms", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


async def test_trying_all_of_them(mail: tuple[Mailbox, int], site: Site, tmp_path: Path) -> None:
    box, port = mail
    good = [
        f"mailto://piket:{SECRET}@127.0.0.1:{port}/?from=a@example.org",
        f"short json://127.0.0.1:{site.port}/ok",
    ]
    file = list_of(tmp_path, *good)
    tried = await asyncio.to_thread(alarms, file, "--test")
    assert (tried.returncode, tried.stderr) == (0, ""), tried.stdout
    assert tried.stdout.splitlines() == [
        f"{file}: line 1 (mailto): delivered",
        f"{file}: line 2 (json): delivered",
    ]
    assert len(box.letters) == 1
    assert json.loads(site.asked[0]["body"])["message"].startswith(
        "Layanan 112 Kabupaten Kaur (kaur1): pesan uji. "
    )

    file = list_of(
        tmp_path, good[1], f"mailto://piket:{SECRET}x@127.0.0.1:{port}/?from=a@example.org", "exec://rm"
    )
    file.chmod(0o644)
    tried = await asyncio.to_thread(alarms, file, "--test")
    assert tried.returncode == 1
    assert tried.stdout.splitlines()[0].endswith("line 1 (json): delivered")
    assert "line 2 (mailto): failed: " in tried.stdout.splitlines()[1]
    assert f"{file}:3: exec:// is not among those allowed" in tried.stderr and "chmod 640" in tried.stderr
    assert SECRET not in tried.stdout + tried.stderr


def test_nobody_to_tell_is_a_wrong_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (tmp_path / "none", list_of(tmp_path, "# nobody")):
        monkeypatch.setenv("PBX112_ALARMS", str(file))
        tried = CliRunner().invoke(app, ["alarms"])
        assert tried.exit_code == 78 and str(file) in tried.stderr


def test_what_a_trial_says() -> None:
    assert trial(VOICE).short.startswith(
        "Layanan 112 Kabupaten Kaur (kaur1): pesan uji. Alarm pbx112 akan masuk"
    )
    assert "test message" in trial(Voice("112", "kaur1", "en")).title
