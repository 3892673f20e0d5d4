"""The samples of trunks are taken by a real Asterisk and by the plan as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from lab.config import SAMPLES
from lab.network import free_net
from pbx112.plan.load import parse_plan

from .trunks import FOLDER, Field, field_plan

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
    asterisk = Field(tmp_path, field_plan(), net=free_net()).asterisk
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
    # Nobody is at the far ends: that the TLS one cannot be asked whether it lives is no fault of its sample.
    wrong = [line for line in log if ("ERROR" in line or "WARNING" in line) and "OPTIONS" not in line]
    assert [line for line in wrong if "pjsip" in line or "sorcery" in line or "config_options" in line] == []
