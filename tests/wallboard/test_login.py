"""The wallboard's door."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx112.settings import Settings, SettingsError
from pbx112.wallboard.login import GUESSES, SESSION, WITHIN, Door, TooMany, password_of

RIGHT = "correct-horse-9"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_right_password_opens_until_the_session_is_over() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    assert door.knock("wrong") is None and door.knock("") is None
    session = door.knock(RIGHT)
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
    session = door.knock(RIGHT) or ""
    until, _, signature = session.partition(".")
    assert not door.knows(f"{int(until) + 1}.{signature}")


def test_guessing_is_bounded_and_nobody_is_locked_out_for_good() -> None:
    clock = Clock()
    door = Door(RIGHT, clock)
    session = door.knock(RIGHT) or ""
    for _ in range(GUESSES):
        assert door.knock("guess") is None
    with pytest.raises(TooMany):
        door.knock(RIGHT)  # not even the right one: else guessing would go on
    assert door.knows(session)
    clock.now += WITHIN
    assert door.knock(RIGHT)


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
