"""What the trunk says of the caller: kept as it came, made harmless, and a place on the map where it is one."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx112.model import stimuli
from pbx112.model.asks import AskWhoCalls
from pbx112.model.decide import arrive
from pbx112.model.described import LONGEST, describe, point_of, read_notes
from pbx112.model.events import CallerDescribed, decode, encode

from .desk import Desk, agency, extension, plan

KAUR = 'shape="Circle",crs="2d",pos="-4.7923 103.3571",radius="850"'
SAID = CallerDescribed('"Budi" <sip:+6281234567890@ims>', place=KAUR)


@pytest.mark.parametrize(
    ("place", "point"),
    [
        (KAUR, (-4.7923, 103.3571, 850.0)),
        ('shape="Point",crs="2d",pos="-4.7923 103.3571"', (-4.7923, 103.3571, None)),
        ('shape="Point",crs="3d",pos="-4.7923 103.3571 12.5"', (-4.7923, 103.3571, None)),
        ('pos="-4.7923 103.3571",radius="850"', (-4.7923, 103.3571, 850.0)),
        ('shape="Circle",pos="-4.7923 103.3571",radius="-1"', (-4.7923, 103.3571, None)),
        ('shape="Polygon",crs="2d",pos="-4.1 103.1",pos="-4.2 103.2",pos="-4.1 103.1"', None),
        ('shape="Ellipse",crs="2d",pos="-4.1 103.1",semiMajorAxis="7.5"', None),
        ('country="ID",A1="Bengkulu",A3="Kaur"', None),
        ('URI="https://lis.example/abc"', None),
        ('shape="Point",crs="2d",pos="-91 103"', None),
        ('shape="Point",crs="2d",pos="-4 181"', None),
        ('shape="Point",crs="2d",pos=""', None),
        ('shape="Point",crs="2d",pos="nan inf"', None),
        ('shape="Point",crs="2d",pos="1e3 103"', None),
        ('shape="Point",crs="2d",pos="-4.7923 103.35', None),
        ('shape="Point",pos="-4 103",shape="Point"', None),
        ("", None),
    ],
)
def test_a_point_or_a_circle_is_a_place_on_the_map(
    place: str, point: tuple[float, float, float | None] | None
) -> None:
    assert point_of(place) == point


def test_the_notes_come_to_an_event() -> None:
    said = ['"Budi & Ani, 50%" <sip:+6281234567890@ims>', "3GPP;cell=1", "", "", "<cid:x>", KAUR]
    told = read_notes("&".join(quote(text, safe="") for text in said))
    assert told == CallerDescribed(
        said[0],
        said[1],
        geolocation=said[4],
        place=said[5],
        latitude=-4.7923,
        longitude=103.3571,
        radius=850.0,
    )


def test_where_nothing_is_said_nothing_happens() -> None:
    assert read_notes("&&&&&") is None
    assert read_notes("") is None
    assert describe(["\0", "\x1b", " "]) is None


@given(st.text(max_size=3000))
def test_notes_of_whatever_kind_are_harmless(notes: str) -> None:
    told = read_notes(notes)
    if told is None:
        return
    texts = (told.identity, told.access_network, told.diversion, told.history, told.geolocation, told.place)
    assert all(text.isprintable() and len(text) <= LONGEST for text in texts)
    assert decode(encode(told)) == told


def arrived(noted: bool) -> Desk:
    desk = Desk(plan(agency("damkar", extension("2101"))))
    who = stimuli.Arrived("c1", "0812", None, False, "112", "PJSIP/trunk", noted)
    desk._tell(arrive("c1", who, desk.plan, desk.world))
    return desk


def test_who_calls_is_asked_where_something_is_noted() -> None:
    assert AskWhoCalls("c1") in arrived(noted=True).requests
    assert AskWhoCalls("c1") not in arrived(noted=False).requests


def test_it_is_told_once() -> None:
    desk = arrived(noted=True)
    assert desk.hears(stimuli.Described(SAID)) == [SAID]
    assert desk.hears(stimuli.Described(SAID)) == []


def test_a_restarted_daemon_asks_again_until_it_knows() -> None:
    desk = arrived(noted=True)
    desk.requests.clear()
    desk.hears(stimuli.Resumed())
    assert AskWhoCalls("c1") in desk.requests
    desk.hears(stimuli.Described(SAID))
    desk.requests.clear()
    desk.hears(stimuli.Resumed())
    assert AskWhoCalls("c1") not in desk.requests
