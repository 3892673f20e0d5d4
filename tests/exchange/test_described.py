"""What the trunk says of the caller and of the caller's place comes into the record, costs the caller nothing, and can
do nothing but be read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY, SILENT, Answers
from lab.processes import eventually
from lab.records import Record
from pbx112.ari import AriHttp, AriSettings

from .newest import calls_recorded, next_record
from .plans import plan

SOON = Answers(after=0.2)

IDENTITY = '"Budi, ${EVIL}" <sip:+6281234567890@ims.example>, <tel:+6281234567890>'
HEADERS = (
    f"P-Asserted-Identity: {IDENTITY}",
    'P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=510011A2B03C4D5E;"x,y"',
    "Diversion: <sip:+62739112@ims.example>;reason=unconditional",
    "History-Info: <sip:112@ims.example>;index=1",
)
_PLACE = """<?xml version="1.0" encoding="UTF-8"?>{before}
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml"
 xmlns:gs="http://www.opengis.net/pidflo/1.0" xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
 entity="pres:caller@ims.example"><dm:device id="phone"><gp:geopriv><gp:location-info>
{shape}
</gp:location-info><gp:usage-rules/><gp:method>Cell</gp:method></gp:geopriv></dm:device></presence>"""
_WGS84 = 'srsName="urn:ogc:def:crs:EPSG::4326"'
POINT = f"<gml:Point {_WGS84}><gml:pos>%s</gml:pos></gml:Point>"
CIRCLE = (
    f"<gs:Circle {_WGS84}><gml:pos>-4.7923 103.3571</gml:pos>"
    '<gs:radius uom="urn:ogc:def:uom:EPSG::9001">850</gs:radius></gs:Circle>'
)
STREET = "<ca:civicAddress><ca:country>ID</ca:country><ca:A3>Kaur</ca:A3><ca:RD>Jl. Merdeka</ca:RD></ca:civicAddress>"
_TENFOLD = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 8))
LAUGHS = f'<!DOCTYPE p [<!ENTITY e0 "-4.5 103.5 ">{_TENFOLD}]>'
OUTSIDE = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hosts">]>'


def place(shape: str, before: str = "") -> str:
    return _PLACE.format(shape=shape, before=before)


async def answered_call(exchange: Exchange, caller: Caller) -> tuple[Record, Mapping[str, Any] | None]:
    """A call taker answers; the record, and what it says of the caller's description."""
    before = await calls_recorded(exchange)
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    record = await next_record(exchange, before)
    assert record.outcome == "answered"
    connection = await asyncpg.connect(exchange.dsn)
    try:
        row = await connection.fetchrow(
            "SELECT * FROM pbx112.caller_description WHERE call_id = $1", record.call["call_id"]
        )
    finally:
        await connection.close()
    await exchange.quiet()
    return record, None if row is None else dict(row)


async def test_who_and_where_stands_in_the_record_and_the_first_ring_waits_for_none_of_it(
    exchange: Exchange,
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": SILENT})
    caller = Caller(talk=0.3, headers=HEADERS, location=place(CIRCLE))
    record, said = await answered_call(exchange, caller)
    assert said is not None
    assert said["identity"] == IDENTITY
    assert said["access_network"] == HEADERS[1].partition(": ")[2]
    assert said["diversion"] == HEADERS[2].partition(": ")[2]
    assert said["history"] == HEADERS[3].partition(": ")[2]
    assert said["geolocation"] == "<cid:place@lab>"
    assert (said["latitude"], said["longitude"], said["radius"]) == (-4.7923, 103.3571, 850.0)
    kinds = [event["kind"] for event in record.events]
    assert kinds.count("CallerDescribed") == 1
    assert kinds.index("CallerDescribed") > kinds.index("LegOffered")


@pytest.mark.parametrize(
    ("document", "latitude", "kept"),
    [
        (place(POINT % "-4.7923 103.3571"), -4.7923, 'shape="Point",crs="2d",pos="-4.7923 103.3571"'),
        (place(STREET), None, 'lang="",country="ID",A3="Kaur",RD="Jl. Merdeka"'),
        (place(POINT % "&x;", OUTSIDE), None, 'shape="Point",crs="2d",pos=""'),
        (place(POINT % "&e7;", LAUGHS), None, ""),
        (
            place(POINT % '${SHELL(id)} $[1+1]",x="'),
            None,
            'shape="Point",crs="2d",pos="${SHELL_id_} $[1+1]",x=""',
        ),
        ("<presence", None, ""),
        (place("x" * 20_000), None, None),
    ],
    ids=["a point", "a street", "a file", "a billion laughs", "dialplan", "broken", "long"],
)
async def test_a_location_document_of_any_kind_is_only_read(
    exchange: Exchange, document: str, latitude: float | None, kept: str | None
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    caller = Caller(talk=0.2, location=document)
    _, said = await answered_call(exchange, caller)
    assert said is not None and said["geolocation"] == "<cid:place@lab>"
    assert said["latitude"] == latitude
    assert kept is None or said["place"] == kept


@pytest.mark.parametrize(
    "hostile",
    ["9" * 3000, "%" * 600, "a)b:1:2),${SHELL(id)}&Hangup()", '"', "\\", "é🔥" * 300, ",noted,", "x\ty|z^w"],
    ids=["long", "percent", "function", "quote", "backslash", "unicode", "argument", "controls"],
)
async def test_a_hostile_header_is_cut_and_kept_and_changes_nothing(exchange: Exchange, hostile: str) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY, "2201": SILENT})
    names = ("P-Access-Network-Info", "Diversion", "History-Info", "Geolocation")
    odd = ("X-!%*_+`'~.: odd", *(f"X-{'n' * 60}-{number}: many" for number in range(20)))
    caller = Caller(talk=0.2, headers=(*(f"{name}: {hostile}" for name in names), *odd))
    record, said = await answered_call(exchange, caller)
    assert record.tried == (("1101", "accepted"), ("1102", "busy"))
    assert said is not None
    for text in (said["access_network"], said["diversion"], said["history"]):
        assert text.isprintable() and 0 < len(text) <= 320
    assert exchange.phone("2201").rang == 0


async def test_a_trunk_that_says_nothing_is_asked_nothing(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    record, said = await answered_call(exchange, Caller(talk=0.2))
    assert said is None
    assert "CallerDescribed" not in [event["kind"] for event in record.events]


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        ('"Budi" <sip:+6281234567890@ims.example>', "+6281234567890"),
        ("<tel:+6281234567890>", "+6281234567890"),
        ("<sip:+6281234567890@ims.example;user=phone>, <tel:+6281234567891>", "+6281234567890"),
        ('"a:b)(@x" <tel:+6281234567890>, <sip:+6281234567891@ims.example>', "+6281234567890"),
        ("<sip:budi@ims.example>, <tel:+6281234567890>", None),
    ],
    ids=["one", "tel", "two", "odd name", "two, no number first"],
)
async def test_the_trunks_word_on_who_calls_counts_before_from(
    exchange: Exchange, identity: str, number: str | None
) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    sender = "From: <sip:anonymous@anonymous.invalid>"
    caller = Caller(talk=0.2, from_header=sender, headers=(f"P-Asserted-Identity: {identity}",))
    record, said = await answered_call(exchange, caller)
    assert said is not None and said["identity"] == identity.replace("(", "_").replace(")", "_")
    assert record.call["caller"] == number
    if number is not None:
        assert number in exchange.phone("1101").received("INVITE")[0].header("From")


async def test_a_trunk_that_is_not_sip_has_no_headers_and_is_served(exchange: Exchange) -> None:
    """A Local channel stands for a card with telephone lines: no channel of PJSIP, no headers."""
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    before = (exchange.asterisk.folder / "log" / "full").stat().st_size
    settings = AriSettings(exchange.ari_url, "pbx112", exchange.ari_password, "pbx112")
    async with AriHttp(settings) as ari:
        await ari.originate("Local/112@pbx112-intake/n", channel_id="card", app_args="card", timeout=20)
        await eventually(lambda: bool(exchange.phone("1101").received("ACK")), 10)
        await ari.hangup("card")
    await exchange.quiet()
    with (exchange.asterisk.folder / "log" / "full").open("rb") as log:
        log.seek(before)
        said = log.read().decode(errors="replace")
    assert "PJSIP_HEADER" not in said and "GEOLOC" not in said, said


async def test_a_daemon_killed_before_it_asked_asks_again(exchange: Exchange) -> None:
    await exchange.reload_plan(plan(takers_ring_for=10))
    await exchange.phones({"1101": Answers(after=4.0), "1102": SILENT})
    await exchange.daemon.stop()
    usual = exchange.daemon.command
    exchange.daemon.command = (sys.executable, "-m", "lab.crash", "1", "before", "run")
    try:
        await exchange.daemon.start()
    finally:
        exchange.daemon.command = usual
    caller = Caller(talk=0.3, headers=HEADERS[1:], location=place(CIRCLE))
    calling = await exchange.dial(caller)
    await exchange.daemon.ended()
    await exchange.daemon.start()
    await calling.answered()
    await calling.ended()
    record = await exchange.record(caller)
    kinds = [event["kind"] for event in record.events]
    assert record.outcome == "answered"
    assert kinds.index("CallResumed") < kinds.index("CallerDescribed")
    assert kinds.count("CallerDescribed") == 1
    await exchange.quiet()


async def test_the_fallback_keeps_it_as_well(exchange: Exchange) -> None:
    await exchange.reload_plan(plan())
    await exchange.phones({"1101": SOON, "1102": BUSY})
    await exchange.daemon.stop()
    caller = Caller(talk=0.5, headers=HEADERS[1:], location=place(CIRCLE))
    calling = await exchange.dial(caller)
    await calling.answered()
    await calling.ended()
    await exchange.quiet()
    await exchange.daemon.start()
    record = await exchange.record(caller)
    assert (record.outcome, record.call["via"]) == ("fallback_answered", "fallback")
    (said,) = [event["body"] for event in record.events if event["kind"] == "CallerDescribed"]
    assert '"latitude": -4.7923' in said or '"latitude":-4.7923' in said
    assert "utran-cell-id-3gpp=510011A2B03C4D5E" in said
