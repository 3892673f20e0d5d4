"""An exchange that stays up in the background: `make up`, `make down`.

One process, the keeper, owns everything: it starts it, writes `.lab/env` and `.lab/phones` when all is ready, and
ends it all on SIGTERM. Should it die, its children die with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from lab.exchange import ARI_USER, Exchange, sip_address
from lab.phones import Answers, Behaviour
from lab.processes import LabError, alive
from lab.sipp import Key

HOME = Path(__file__).parent.parent / ".lab"
"""What is up, if anything is."""

WITHIN = 60.0
"""Seconds for everything to start, and for everything to end."""


class Home:
    """The files of an exchange that stays up."""

    def __init__(self, folder: Path = HOME) -> None:
        self.folder = folder
        self.keeper = folder / "keeper.pid"
        self.env = folder / "env"
        self.settings = folder / "pbx112.env"
        self.phones = folder / "phones"
        self.log = folder / "keeper.log"
        self.exchange = folder / "exchange"

    def pid(self) -> int | None:
        """The keeper, where it lives."""
        try:
            pid = int(self.keeper.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if alive(pid) and b"lab" in command else None


def up(home: Home, *, agencies: Path, net: str, phones: bool) -> str:
    """Start an exchange and leave it running; what to tell about it. Raises :class:`LabError`."""
    if home.pid() is not None:
        return _already(home)
    home.folder.mkdir(mode=0o700, exist_ok=True)
    for old in (home.env, home.settings, home.phones, home.keeper, home.log):
        old.unlink(missing_ok=True)
    shutil.rmtree(home.exchange, ignore_errors=True)
    command = [sys.executable, "-m", "lab", "keep", "--agencies", str(agencies), "--net", net]
    with home.log.open("ab") as log:
        keeper = subprocess.Popen(
            [*command, "--phones" if phones else "--no-phones", "--home", str(home.folder)],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + WITHIN
    while not home.env.exists():
        if keeper.poll() is not None:
            raise LabError(home.log.read_text(errors="replace").strip() or "the exchange did not start")
        if time.monotonic() > deadline:
            keeper.terminate()
            raise LabError(f"the exchange did not start in {WITHIN:g} s; see {home.log}")
        time.sleep(0.05)
    return (
        f"up: {home.env} says where, {home.phones} has the phones' addresses; `make down` ends it.\n"
        f"To look inside:  . {home.settings}; {sys.executable} -m pbx112 status"
    )


def down(home: Home) -> str:
    """End the exchange and wait until nothing of it is left; what to tell. Raises :class:`LabError`."""
    pid = home.pid()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + WITHIN
        while alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)  # everything else dies with it
                raise LabError(f"the exchange did not end by itself in {WITHIN:g} s; see {home.log}")
            time.sleep(0.02)
    for old in (home.env, home.settings, home.phones, home.keeper):
        old.unlink(missing_ok=True)
    return "nothing was up" if pid is None else "down"


def status(home: Home) -> str:
    """Whether it is up, and the daemon with it."""
    if home.pid() is None:
        return "down"
    daemon = _daemon_pid(home)
    return f"up; pbx112 {'runs' if daemon and alive(daemon) else 'does not run: `make up` starts it again'}"


def _already(home: Home) -> str:
    """Up already; a daemon that was killed is started again."""
    pid, daemon = home.pid(), _daemon_pid(home)
    if pid is None or daemon is None or alive(daemon):
        return f"up already, see {home.env}"
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + WITHIN
    while (now := _daemon_pid(home)) is None or not alive(now):
        if home.pid() is None or time.monotonic() > deadline:
            raise LabError(f"pbx112 did not start again; see {home.exchange / 'daemon.log'}")
        time.sleep(0.05)
    return f"up already; pbx112 had ended and runs again, see {home.env}"


def _daemon_pid(home: Home) -> int | None:
    with contextlib.suppress(OSError):
        for line in home.env.read_text().splitlines():
            if line.startswith("LAB_DAEMON_PID="):
                return int(line.partition("=")[2])
    return None


# --- the keeper -------------------------------------------------------------------------------------------------


async def keep(home: Home, *, agencies: Path, net: str, phones: bool) -> None:
    """Own the exchange until SIGTERM; SIGUSR1 starts the daemon again."""
    loop, stop, again = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, again.set)
    home.keeper.write_text(str(os.getpid()))
    exchange = Exchange(home.exchange, agencies, net=net)
    async with exchange:
        if phones:
            await exchange.phones(willing_phones(exchange), remember=False)
        _write(
            home.phones,
            "".join(f"{number} {sip_address(at)}\n" for number, at in exchange.addresses().items()),
        )
        _write(home.settings, _settings(exchange))
        _write(home.env, _environment(exchange))
        while not stop.is_set():
            waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(again.wait())}
            _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            if again.is_set() and not stop.is_set():
                again.clear()
                try:
                    await exchange.daemon.start()
                except LabError as error:
                    print(error, file=sys.stderr)
                else:
                    _write(home.env, _environment(exchange))


def willing_phones(exchange: Exchange) -> dict[str, Behaviour]:
    """Every phone of the plan, answering after a second; on mobiles somebody presses 1."""
    accept = {line.number: line.accept for _, line in exchange.plan.lines()}
    human = Answers(1.0, keys=(Key("1", 1.0),))
    return {number: human if accept[number] == "press_1" else Answers(1.0) for number in exchange.addresses()}


def _environment(exchange: Exchange) -> str:
    values = {
        "LAB_SIP": sip_address(exchange.network.exchange),
        "LAB_TRUNK": exchange.network.incoming_trunk,
        "LAB_DSN": exchange.dsn,
        "LAB_ARI_URL": exchange.ari_url,
        "LAB_ARI_USER": ARI_USER,
        "LAB_ARI_PASSWORD": exchange.ari_password,
        "LAB_ASTERISK": shlex.join(exchange.asterisk.console),
        "LAB_DAEMON_PID": str(exchange.daemon.pid or ""),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _settings(exchange: Exchange) -> str:
    """For `pbx112 status`, `check` and `cdr` in a shell: the daemon's own settings."""
    return "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in exchange.daemon.environment.items()
        if name.startswith("PBX112_")
    )


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and for the owner's eyes only."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)
