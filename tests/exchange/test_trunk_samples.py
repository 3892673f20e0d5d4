"""The samples of trunks are taken by a real Asterisk and by the plan as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from lab.asterisk import Asterisk
from lab.config import SAMPLES, shipped
from lab.network import SIP, Network, free_net
from pbx112.plan.load import parse_plan

FOLDER = SAMPLES / "trunks"
TRUNKS = yaml.safe_load((FOLDER / "trunks.yaml").read_text())["trunks"]
PLAN = (SAMPLES.parent / "agencies.yaml").read_text()


def test_the_plan_takes_them() -> None:
    """Read from the middle of a whole plan, as an office would have them."""
    text, many = re.subn(
        r"^trunks:\n(  .*\n)+", (FOLDER / "trunks.yaml").read_text(), PLAN, flags=re.MULTILINE
    )
    read = parse_plan(text, "agencies.yaml").plan
    assert many == 1
    assert set(TRUNKS) == set(read.trunks)


async def test_asterisk_takes_them_without_a_word(tmp_path: Path) -> None:
    network = Network(free_net())
    samples = "\n".join(each.read_text() for each in sorted(FOLDER.glob("*.conf")))
    transport = f"[udp]\ntype=transport\nprotocol=udp\nbind={network.exchange}:{SIP}\n"
    pjsip = transport + samples.replace("192.0.2.", f"{network.prefix}.8.")
    files = shipped(network.exchange, "0123456789abcdef") | {"pjsip.conf": pjsip, "pbx112.conf": ""}
    asterisk = Asterisk(tmp_path / "asterisk", files)
    await asterisk.start()
    try:
        for trunk in TRUNKS.values():
            endpoint = trunk["dial"].partition("@")[2]
            told = await asterisk.ask(f"pjsip show endpoint {endpoint}")
            assert f"Endpoint:  {endpoint} " in told
            assert "Identify:" in told
            assert "(alaw|ulaw)" in told
    finally:
        await asterisk.stop()
    log = (asterisk.folder / "log" / "messages").read_text().splitlines()
    wrong = [line for line in log if ("ERROR" in line or "WARNING" in line)]
    assert [line for line in wrong if "pjsip" in line or "sorcery" in line or "config_options" in line] == []
