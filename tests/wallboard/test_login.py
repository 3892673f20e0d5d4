"""The wallboard's door."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx112.settings import Settings, SettingsError
from pbx112.wallboard.login import (
    ALL_GUESSES,
    ALL_WITHIN,
    GUESSES,
    KNOWN,
    SESSION,
    WITHIN,
    Door,
    TooMany,
    asker,
    network,
    password_of,
)

RIGHT = "correct-horse-9"
DESK, OTHER = "192.0.2.10", "192.0.2.11"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_right_password_opens_until_the_session_is_over() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    assert door.knock("wrong", DESK) is None and door.knock("", DESK) is None
    session = door.knock(RIGHT, DESK)
    assert session is not None and door.knows(session)
    assert Door(RIGHT, clock).knows(session)  # over a restart
    assert not Door("another-password", clock).knows(session)
    clock.now += SESSION + 1
    assert not door.knows(session)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "9999999999",
        "9999999999.",
        "9" * 5000,
        "٣.x",
        "-1.x",
        "1e9.x",
        "9999999999." + "0" * 64,
        "\udcff.x",
        "9999999999.\udcff",
    ],
)
def test_no_forged_session(forged: str) -> None:
    assert not Door(RIGHT).knows(forged)


def test_a_session_cannot_be_made_longer() -> None:
    door = Door(RIGHT)
    session = door.knock(RIGHT, DESK) or ""
    until, _, signature = session.partition(".")
    assert not door.knows(f"{int(until) + 1}.{signature}")


def test_guessing_is_bounded_and_nobody_is_locked_out_for_good() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    session = door.knock(RIGHT, DESK) or ""
    for _ in range(GUESSES):
        assert door.knock("guess", DESK) is None
    with pytest.raises(TooMany):
        door.knock(RIGHT, DESK)  # not even the right one: else guessing would go on
    assert door.knows(session)
    clock.now += WITHIN
    assert door.knock(RIGHT, DESK)


def test_who_guesses_without_end_locks_out_itself_alone() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    for minute in range(60):
        clock.now += WITHIN
        for _ in range(GUESSES):
            assert door.knock("guess", DESK) is None
        with pytest.raises(TooMany):
            door.knock("guess", DESK)
        assert door.knock(RIGHT, f"198.51.100.{minute}"), "a colleague, never seen before"


def guessed_from_everywhere(door: Door, clock: Clock) -> int:
    """As many as get through in an hour, from an address of its own each."""
    through = 0
    for n in range(36_000):
        clock.now += 0.1
        try:
            through += door.knock("guess", f"2001:db8:{n:x}::1") is None
        except TooMany:
            continue
    return through


def test_guesses_from_many_addresses_are_bounded_together_and_stop_nobody_who_was_here() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    assert door.knock(RIGHT, DESK)
    assert guessed_from_everywhere(door, clock) <= ALL_GUESSES * (3600 / ALL_WITHIN + 1)
    assert len(door._wrong) <= ALL_GUESSES
    with pytest.raises(TooMany):
        door.knock(RIGHT, OTHER)
    assert door.knock(RIGHT, DESK), "the session of a month was over"
    door.welcome(OTHER)  # its session was shown, as after a restart
    assert door.knock("wrong", OTHER) is None and door.knock(RIGHT, OTHER)
    clock.now += ALL_WITHIN
    assert door.knock(RIGHT, "192.0.2.12")


def test_addresses_that_are_kept_are_bounded() -> None:
    door = Door(RIGHT, Clock())
    for n in range(KNOWN * 4):
        assert door.knock(RIGHT, f"2001:db8:{n:x}::1")
    assert len(door._known) == KNOWN


def test_a_clock_that_is_set_back_keeps_nobody_out() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    for _ in range(GUESSES):
        assert door.knock("guess", DESK) is None
    clock.now -= 3600
    assert door.knock(RIGHT, DESK)


def test_only_a_proxy_on_this_machine_is_believed() -> None:
    assert asker("127.0.0.1", ["192.0.2.99", f"192.0.2.98, {DESK}"]) == DESK
    assert asker("::1", ["2001:db8::1"]) == "2001:db8::1"
    assert asker(OTHER, [DESK]) == OTHER
    assert asker("127.0.0.1", []) == asker("127.0.0.1", [f"{DESK}, nonsense"]) == "127.0.0.1"


def test_one_subscriber_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:2%eth0") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.10") == network(DESK) != network(OTHER)
    assert network("") == network("nonsense")


def settings(**more: object) -> Settings:
    return Settings(_env_file=None, ari_password="x", **more)  # type: ignore[call-arg, arg-type]


def test_the_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    assert password_of(settings(wallboard_password=RIGHT)) == RIGHT
    file = tmp_path / "password"
    file.write_text(RIGHT + "\n")
    assert password_of(settings(wallboard_password_file=file)) == RIGHT


@pytest.mark.parametrize("given", [None, "", "short", "CHANGE-ME"])
def test_no_password_or_a_weak_one_is_refused_with_the_remedy(given: str | None) -> None:
    with pytest.raises(SettingsError, match=r"PBX112_WALLBOARD_PASSWORD.*openssl rand") as refused:
        password_of(settings(wallboard_password=given))
    assert not given or given not in str(refused.value).replace("at least", "")


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"_FILE: .*No such file"):
        password_of(settings(wallboard_password_file=tmp_path / "none"))
