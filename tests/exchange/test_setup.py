"""What `pbx112 setup` writes beside the configuration of Debian's package serves a call."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lab.callers import Caller
from lab.exchange import Exchange
from lab.network import free_net
from lab.phones import Answers
from lab.root import find_root

from .plans import plan

THEIRS = ("ari.conf", "http.conf", "manager.conf", "extensions.conf")


def contents(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def pbx112(exchange: Exchange, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, told what the daemon is told."""
    return subprocess.run(
        [sys.executable, "-m", "pbx112", *arguments],
        env=exchange.daemon.environment,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_a_call_is_answered_beside_the_asterisk_that_stood_there(tmp_path: Path) -> None:
    office = Exchange(tmp_path / "exchange", plan(), net=free_net())
    etc, root = office.asterisk.folder / "etc", tmp_path / "root"
    (etc / "pbx112.conf").unlink()
    for name in THEIRS:
        text = (find_root() / "etc/asterisk" / name).read_text()
        (etc / name).write_text(text.replace("127.0.0.1", office.network.exchange))
    shutil.copytree(find_root() / "etc/asterisk/manager.d", etc / "manager.d")
    before = contents(etc)
    (root / "etc").mkdir(parents=True)
    (root / "etc/asterisk").symlink_to(etc)
    done = pbx112(office, "setup", "--root", str(root), "--agencies", str(office.agencies), "--yes")
    assert done.returncode == 0, done.stderr
    for line in (root / "etc/pbx112/pbx112.env").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.startswith("PBX112_A"):  # the database is the lab's
            office.daemon.settings[name.removeprefix("PBX112_").lower()] = value
    async with office:
        await office.phones({"1101": Answers(after=0.2)})
        caller = Caller(talk=0.2)
        await (await office.dial(caller)).ended()
        assert (await office.record(caller)).outcome == "answered"
        said = pbx112(office, "check", "--only", "asterisk").stdout
        assert "✓ ARI user 'pbx112' may act" in said
        assert "✓ AMI lets user 'pbx112' in" in said
        assert "✓ the dialplan is loaded" in said
    assert pbx112(office, "setup", "--root", str(root), "--undo", "--yes").returncode == 0
    assert contents(etc) == before
    assert not (find_root() / "var/log/asterisk/pbx112-fallback.csv").exists(), "it is only read"
