"""The images as an administrator gets them, brought up as docker/compose.yaml says, with calls through them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pbx112.alarms.conditions import LASTS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("compose")
    done = subprocess.run(
        [sys.executable, "-m", "lab.compose", folder],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
        cwd=REPOSITORY,
    )
    logs = "\n".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in sorted(folder.glob("*.log")))
    assert done.returncode == 0, logs
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_call_is_answered_through_the_containers_and_recorded(seen: dict[str, Any]) -> None:
    assert seen["one_shot"] == {"prepare": 0, "migrate": 0}
    assert seen["outcomes"][0] == "answered"
    assert len(seen["recorded"]) == 1, "the daemon's group may read it"
    assert seen["counted_by_asterisk"] >= 2


def test_the_standby_ends_a_daemon_that_hangs_and_goes_on(seen: dict[str, Any]) -> None:
    assert (seen["outcomes"][1], seen["taken_over_by"]) == ("answered", "daemon")


def test_nobody_is_root_and_no_root_is_written(seen: dict[str, Any]) -> None:
    bare = {"capabilities": "", "no_new_privileges": "1", "root_can_be_written": "False", "gid": "10113"}
    daemon, asterisk = bare | {"uid": "10112"}, bare | {"uid": "10113"}
    ours = dict.fromkeys(("pbx112", "standby", "alarms"), daemon)
    assert seen["processes"] == {"asterisk": asterisk, **ours}
    assert seen["healthy"] == {"asterisk": True, "pbx112": True, "standby": True}
    assert seen["secrets_seen"] == []


def test_that_nobody_serves_is_told(seen: dict[str, Any]) -> None:
    """And nothing else: while one serves, the alarms see it, though it is another container's."""
    assert [line.partition(":")[0] for line in seen["alarms"]] == ["ALARM"]
    assert seen["alarmed_after"] >= LASTS["daemon"]


def test_all_end_in_good_order(seen: dict[str, Any]) -> None:
    assert seen["ended_with"] == {"standby": 0, "alarms": 0, "asterisk": 0}


def test_the_images_are_small(seen: dict[str, Any]) -> None:
    """Whole, with Debian: what docker/README.md says, and no test tool among it."""
    assert all(size < 400 for size in seen["megabytes"].values()), seen["megabytes"]


def test_all_that_the_file_names_is_there() -> None:
    """No engine reads it here: so that each word of it has a meaning, and each file that it mounts exists."""
    file: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker/compose.yaml").read_text(encoding="utf-8"))
    known = {
        *("image", "build", "network_mode", "read_only", "cap_drop", "security_opt", "tmpfs", "logging"),
        *("entrypoint", "command", "secrets", "volumes", "environment", "depends_on", "restart"),
        *("stop_grace_period", "healthcheck", "profiles", "user", "pid"),
    }
    made_by_hand = {"plan"}
    for name, service in file["services"].items():
        assert set(service) <= known, name
        assert set(service.get("depends_on", ())) <= set(file["services"]), name
        for volume in service.get("volumes", ()):
            what = volume.split(":")[0]
            if what.startswith("."):
                there = (REPOSITORY / "docker" / what).resolve()
                assert there.exists() or there.name in made_by_hand, f"{name}: {what}"
                assert not there.is_file() and not there.suffix, (
                    f"{name}: {what}: a file that is replaced stays the old one"
                )
            else:
                assert what in file["volumes"], f"{name}: {what}"
        for secret in service.get("secrets", ()):
            assert (secret if isinstance(secret, str) else secret["source"]) in file["secrets"], name
        if "build" in service:
            assert (REPOSITORY / service["build"]["dockerfile"]).exists()
