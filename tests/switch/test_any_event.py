"""Whatever Asterisk says, in whatever order: nothing raises, and the journal tells a whole story."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pbx112.ari import AriSettings
from pbx112.ari import events as rest
from pbx112.ari.model import Channel, Dialplan, Party, Playback, Recording
from pbx112.journal import Draft, Journal, verify
from pbx112.model.events import CallEnded, CallEvent, LegEnded, LegOffered
from pbx112.model.state import begin, evolve
from pbx112.plan.types import CallTakers, Plan
from pbx112.switch.live import now
from pbx112.switch.record import told
from pbx112.switch.switch import Switch

from ..model.desk import agency, extension, mobile, plan

PLANS = (
    plan(agency("damkar", extension("2101"), mobile("+6281200000001"))),
    plan(
        agency("damkar", mobile("+6281200000001"), mobile("+6281200000002"), ring="all"),
        call_takers=CallTakers("all", (extension("1101"), extension("1102")), "menu"),
        menu={"1": "damkar"},
        max_calls=1,
    ),
    plan(agency("damkar", extension("2101")), menu={"1": "damkar"}, answer="on_arrival"),
    plan(agency("damkar", extension("2101"), mobile("+6281200000001")), at_once=1, max_per_hour=1),
)
NOWHERE = AriSettings(url="http://127.120.0.1:9", user="u", password="p", app="pbx112")
"""Nobody is there: every request is `NotSent`."""

calls = st.sampled_from(["c1", "c2"])
channels_of = st.one_of(
    calls,
    st.builds("{}-leg{}".format, calls, st.integers(1, 5)),
    st.sampled_from(["", "c9", "c9-leg1", "c1-leg0", "c1-leg99999999999999999999", "c1-bridge"]),
    st.text(max_size=10),
)
hostile = st.text(max_size=500) | st.sampled_from(
    ["081234567890", '"<>&${EXTEN}\r\nX: 1', "\ud800", "0" * 500, "\0"]
)


@st.composite
def some_channel(draw: st.DrawFn) -> Channel:
    return Channel(
        id=draw(channels_of),
        name=draw(st.just("PJSIP/gsm-00000001") | hostile),
        state=draw(st.sampled_from(["Ringing", "Up", "Down", ""])),
        caller=Party(draw(hostile), draw(hostile)),
        dialplan=Dialplan(exten=draw(st.just("112") | hostile)),
    )


arrival = st.builds(
    rest.StasisStart,
    channel=st.builds(
        Channel,
        id=calls,
        name=hostile,
        caller=st.builds(Party, number=hostile),
        dialplan=st.builds(Dialplan, exten=hostile),
    ),
    args=st.just(("intake",)),
)
codes = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 16, 17, 19, 26, 44, 486, 603])
playbacks = st.builds(
    Playback,
    id=st.builds(
        "{}-{}".format,
        calls,
        st.sampled_from(["greeting", "waiting1", "menu1", "menu2", "announcement", "x"]),
    )
    | hostile,
    state=st.sampled_from(["done", "failed", ""]),
)
recordings = st.builds(
    Recording,
    name=st.builds("112-{}".format, channels_of) | hostile,
    duration=st.none() | codes,
    cause=hostile,
)
channel = some_channel()
some_event: st.SearchStrategy[rest.Event] = st.one_of(
    arrival,
    st.builds(
        rest.StasisStart, channel=channel, args=st.lists(st.just("leg") | hostile, max_size=2).map(tuple)
    ),
    st.builds(rest.StasisEnd, channel=channel),
    st.builds(rest.ChannelStateChange, channel=channel),
    st.builds(rest.ChannelHangupRequest, channel=channel, cause=st.none() | codes, soft=st.booleans()),
    st.builds(rest.ChannelDestroyed, channel=channel, cause=codes, tech_cause=st.none() | codes),
    st.builds(rest.ChannelDtmfReceived, channel=channel, digit=st.sampled_from("0123456789*#ABCD") | hostile),
    st.builds(rest.PlaybackFinished, playback=playbacks),
    st.builds(rest.RecordingStarted, recording=recordings),
    st.builds(rest.RecordingFinished, recording=recordings),
    st.builds(rest.RecordingFailed, recording=recordings),
)


async def play(on: Plan, events: Sequence[rest.Event], folder: Path) -> None:
    path = folder / "journal.db"
    journal = await Journal.open(
        path,
        closing=[CallEnded.__name__],
        gap=lambda lost, why: Draft("", 0, 0, "", "JournalGap", b"{}"),
        on_alarm=lambda what: None,
    )
    switch = Switch(NOWHERE, journal, on)
    for event in events:
        switch.on_event(event)
        switch.on_event(event)
    for call in ("c1", "c2"):
        switch.on_event(rest.ChannelDestroyed(channel=Channel(id=call), cause=16))
    await switch.stop()
    await journal.append([])
    for call in ("c1", "c2"):
        whole(call, [event for _, event in told(await journal.of_subject(call), now())])
    assert all(not live.ended for live in switch._calls), "an ended call is forgotten"
    await journal.close()
    verdict = verify(path)
    assert verdict.sound, verdict.why


def whole(call_id: str, events: Sequence[CallEvent]) -> None:
    """The story folds; one end at most, each attempt one result at most, and all of them before the end."""
    if not events:
        return
    call = begin(call_id, events[0], now())
    assert call is not None, "a story begins with an arrival"
    for event in events[1:]:
        call = evolve(call, event, now())
    assert Counter(type(event) for event in events)[CallEnded] == 1
    results = Counter(event.leg for event in events if isinstance(event, LegEnded))
    assert results == Counter(event.leg for event in events if isinstance(event, LegOffered))
    assert all(count == 1 for count in results.values())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLANS), arrival, st.lists(some_event, max_size=30))
def test_whatever_asterisk_says(on: Plan, first: rest.StasisStart, events: list[rest.Event]) -> None:
    with tempfile.TemporaryDirectory() as folder, capture_logs() as logs:
        asyncio.run(play(on, [first, *events], Path(folder)))
    assert [line for line in logs if line["log_level"] == "error"] == []
