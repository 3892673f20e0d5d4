"""`docker/compose.yaml` brought up without an engine: each service's image with what the file gives it (mounts,
secrets, environment), around a Postgres of the lab's, in a network of its own; then calls are placed through them.

`python -m lab.compose FOLDER` prints as JSON what was seen; a test judges it. It moves into the network by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lab.callers import Caller, start_call
from lab.config import parties, pjsip
from lab.containers import REPOSITORY, Image, Mount, build, first_process
from lab.hook import Hook, webhook
from lab.network import SIP, Network
from lab.phones import Answers, start_phones
from lab.postgres import Postgres, programs
from lab.processes import Process, eventually
from lab.records import record_of
from lab.root import cached_root
from pbx112.plan.load import load_plan

DOCKER = REPOSITORY / "docker"
IMAGES = cached_root().with_name("images")
PHONE = "2101"
_ALONE = ("unshare", "--net", "--")

_PLAN = f"""
version: 1
service: {{name: Layanan 112, number: "112", language: id, timezone: Asia/Jakarta, answer: on_pickup}}
trunks: {{}}
agencies:
  damkar:
    name: Dinas Pemadam Kebakaran
    code: "13"
    lines:
      - {{extension: "{PHONE}", ring_for: 20}}
incidents: {{}}
default_agency: damkar
recording: {{enabled: true, keep_days: 90}}
"""


@dataclass
class Seen:
    """What came of it."""

    megabytes: dict[str, int] = field(default_factory=dict)
    one_shot: dict[str, int] = field(default_factory=dict)
    """Exit codes of the services that run once."""
    healthy: dict[str, bool] = field(default_factory=dict)
    """By the images' own health checks."""
    processes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each service that runs: its numbers, its capabilities, and whether its root can be written."""
    outcomes: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    """Recordings of the first call, as the daemon's container sees their files."""
    taken_over_by: str = ""
    counted_by_asterisk: int = 0
    """Lines of Asterisk's own call detail records."""
    ended_with: dict[str, int] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    """What the alarms told."""
    alarmed_after: float = 0.0
    """Seconds from the end of the last daemon to their first message."""
    secrets_seen: list[str] = field(default_factory=list)
    """Secrets that stand in an argument, an environment or a log."""


class Composition:
    """The services of the file; everything of theirs is below `folder`."""

    def __init__(self, folder: Path, images: dict[str, Image], environment: dict[str, str]) -> None:
        self.folder, self._images, self._environment = folder, images, environment
        self._file: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
        self.running: dict[str, Process] = {}

    def image(self, service: str) -> Image:
        """The image of a service."""
        return self._images[self._file["services"][service]["image"]]

    async def start(self, service: str) -> Process:
        """Start it as the file says."""
        said = self._file["services"][service]
        assert said["read_only"] and said["cap_drop"] == ["ALL"] and said["network_mode"] == "host"
        image = self.image(service)
        told = {name: self._filled(str(value)) for name, value in said.get("environment", {}).items()}
        entrypoint = tuple(said.get("entrypoint", image.entrypoint))
        changed = Image(**{
            **image.__dict__, "entrypoint": entrypoint, "environment": {**image.environment, **told}
        })  # fmt: skip
        process = await changed.start(
            self._mounts(said, image),
            self.folder / f"{service}.log",
            *said.get("command", ()),
            alone=said.get("pid") != "host",
        )
        self.running[service] = process
        return process

    def _mounts(self, said: dict[str, Any], image: Image) -> list[Mount]:
        mounts = []
        for given in said.get("tmpfs", ()):
            where, _, options = given.partition(":")
            mounts.append(Mount("tmpfs", where, options or "mode=1777"))
        mounts.append(Mount("tmpfs", "/run/secrets", "mode=0755"))
        for given in said.get("secrets", ()):
            source, target = (given, given) if isinstance(given, str) else (given["source"], given["target"])
            file = Path(self._file["secrets"][source]["file"]).name
            mounts.append(Mount("ro", f"/run/secrets/{target}", str(self.folder / "secrets" / file)))
        for given in said.get("volumes", ()):
            what, where, *mode = given.split(":")
            mounts.append(
                Mount("ro" if mode == ["ro"] else "rw", where, str(self._volume(what, where, image)))
            )
        return mounts

    def _volume(self, what: str, where: str, image: Image) -> Path:
        """A folder here; a named one is new with what the image has there, and its owner, as an engine makes it."""
        if what.startswith("./"):
            return self.folder / what
        assert what in self._file["volumes"], what
        place = self.folder / "volumes" / what
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            subprocess.run(["cp", "-a", image.root / where.lstrip("/"), place], check=True)
        return place

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: self._environment.get(m[1]) or m[2], text)


async def play(folder: Path) -> Seen:
    """Bring all up, call twice, once while the serving daemon hangs, and end all in good order."""
    async with webhook("a-token-of-the-office") as hook:
        return await _play(folder, hook)


async def _play(folder: Path, hook: Hook) -> Seen:
    seen = Seen()
    with (folder / "build.log").open("a") as log:
        images = build(IMAGES, log)
    seen.megabytes = {image.name: round(image.size / 1e6) for image in images.values()}
    network = Network()
    _write(folder, network)
    postgres = Postgres(folder / "postgres", "127.0.0.1")
    await postgres.start()
    _secrets(folder, postgres, hook.url)
    await _first_start(folder, postgres)
    told = {
        "PBX112_NODE": "kaur1",
        "SIP_BIND": f"{network.exchange}:{SIP}",
        "RTP_START": "12000",
        "RTP_END": "12100",
    }
    services = Composition(folder, images, told)
    for once in ("prepare", "migrate"):
        process = await services.start(once)
        async with asyncio.timeout(60):
            seen.one_shot[once] = await process.ended()
        assert seen.one_shot[once] == 0, process.last_words()
    for service in ("asterisk", "pbx112", "standby"):
        process = await services.start(service)
        image = services.image(service)
        await process.ready(partial(image.healthy, process), 60)
        # The standby's check is answered by who serves: that it has started is seen of itself.
        await eventually(lambda process=process: _process(process)["uid"] != "0", 20)  # type: ignore[misc]
        seen.healthy[service] = True
        seen.processes[service] = _process(process)
    alarms = await services.start("alarms")
    alarms_log = folder / "alarms.log"
    await alarms.ready(lambda: "the alarms watch" in alarms_log.read_text())
    seen.processes["alarms"] = _process(alarms)
    await start_phones(folder / "phones", network.extension(PHONE), {PHONE: (PHONE, Answers(after=0.5))})
    number = await _call(folder / "first", network)
    record = await record_of(postgres.dsn, number)
    seen.outcomes.append(record.call["outcome"])
    taped = folder / "volumes/recordings"
    await eventually(lambda: any(taped.glob("*.wav")), 10)
    seen.recorded = [file.name for file in taped.glob("*.wav") if file.stat().st_gid == 10113]
    await _ended(services.running["pbx112"], signal.SIGSTOP)  # by the standby
    standbys = folder / "standby.log"
    await eventually(lambda: '"action":"connected"' in standbys.read_text().replace(": ", ":"), 10)
    number = await _call(folder / "second", network)
    record = await record_of(postgres.dsn, number)
    seen.outcomes.append(record.call["outcome"])
    seen.taken_over_by = record.call["via"]
    counted = folder / "volumes/asterisk-log/cdr-custom/pbx112.csv"
    seen.counted_by_asterisk = len(counted.read_text().splitlines()) if counted.exists() else 0
    seen.secrets_seen = _leaks(folder, services)
    seen.ended_with["standby"] = await _ended(services.running["standby"], signal.SIGTERM)
    gone_at = time.monotonic()
    await hook.hears("ALARM: pbx112 tidak melayani", within=60)
    assert hook.first_at is not None
    seen.alarms, seen.alarmed_after = hook.told, hook.first_at - gone_at
    for service in ("alarms", "asterisk"):
        seen.ended_with[service] = await _ended(services.running[service], signal.SIGTERM)
    await postgres.stop()
    return seen


async def _call(folder: Path, network: Network) -> str:
    caller = Caller()
    calling = await start_call(caller, folder, network)
    await calling.answered(30)
    began = time.monotonic()
    await eventually(lambda: time.monotonic() - began > 1)  # a talk that is worth a recording
    calling.hang_up()
    await calling.ended()
    return caller.number


async def _ended(process: Process, by: signal.Signals) -> int:
    """As an engine ends a container: by a signal to its first process, which then has its time."""
    first = first_process(process)
    assert first is not None, process.last_words()
    os.kill(first, by)
    async with asyncio.timeout(20):
        return await process.ended()


def _process(process: Process) -> dict[str, str]:
    child = str(first_process(process))
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{child}/status").read_text().splitlines()
        if ":\t" in line
    )
    written = subprocess.run(
        ["nsenter", "--target", child, "--mount", "--root", "--", "touch", "/written"],
        capture_output=True,
        check=False,
    )
    return {
        "uid": status["Uid"].split("\t")[0],
        "gid": status["Gid"].split("\t")[0],
        "capabilities": status["CapBnd"].strip("0") + status["CapEff"].strip("0"),
        "no_new_privileges": status["NoNewPrivs"],
        "root_can_be_written": str(written.returncode == 0),
    }


def _leaks(folder: Path, services: Composition) -> list[str]:
    """Secrets in what anybody on the machine can see of the processes, and in their logs."""
    seen = []
    places = [
        *Path("/proc").glob("[0-9]*/cmdline"),
        *Path("/proc").glob("[0-9]*/environ"),
        *folder.glob("*.log"),
    ]
    texts = {}
    for place in places:
        try:
            texts[str(place)] = place.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
    for secret in (folder / "secrets").iterdir():
        word = secret.read_bytes().strip()
        seen += [f"{secret.name} in {place}" for place, text in texts.items() if word in text]
    return seen


def _write(folder: Path, network: Network) -> None:
    plan = folder / "plan" / "agencies.yaml"
    plan.parent.mkdir()
    plan.write_text(_PLAN, encoding="utf-8")
    text = pjsip(network, parties(load_plan(plan).plan))
    (folder / "pjsip").mkdir()
    (folder / "pjsip/parties.conf").write_text(text[text.index("[lab-party](!)") :], encoding="utf-8")


def _secrets(folder: Path, postgres: Postgres, hook: str) -> None:
    """Made by the script that the guide names; only Postgres' own password is the lab's, and who is told."""
    (folder / "secrets").mkdir()
    (folder / "secrets/postgres_password").write_text(postgres.dsn.split(":")[2].split("@")[0])
    (folder / "secrets/alarms.conf").write_text(f"{hook}\n")
    script = folder / "secrets.sh"
    script.write_text((DOCKER / "secrets.sh").read_text())
    subprocess.run(["sh", script], check=True)


async def _first_start(folder: Path, postgres: Postgres) -> None:
    """What Postgres' image runs when its volume is new."""
    inside = "mount -t tmpfs tmpfs /run; mkdir /run/secrets; mount --bind $1 /run/secrets\n"
    # The image runs it as its own user, who must be able to read what it reads.
    inside += "for file in $(grep -o '/run/secrets/[a-z0-9_]*' $2); do\n"
    inside += "    setpriv --reuid=999 --regid=999 --clear-groups cat $file > /dev/null\n"
    inside += "done\nexec sh $2"
    password = (folder / "secrets/postgres_password").read_text()
    done = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", inside, "first"),
        *(str(folder / "secrets"), str(DOCKER / "postgres/10-pbx112.sh")),
        env={"PATH": f"{programs()}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPASSWORD": password,
             "POSTGRES_USER": "postgres", "POSTGRES_DB": "pbx112"},
    )  # fmt: skip
    assert await done.wait() == 0


def main() -> None:
    """Build, move into a network that has no way out, and play."""
    folder = Path(sys.argv[1]).absolute()
    if "--inside" in sys.argv:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        print(json.dumps(asdict(asyncio.run(play(folder)))))
        return
    with (folder / "build.log").open("a") as log:
        build(IMAGES, log)
    again = [*_ALONE, sys.executable, "-m", "lab.compose", str(folder), "--inside"]
    sys.exit(subprocess.run(again, check=False).returncode)


if __name__ == "__main__":
    main()
