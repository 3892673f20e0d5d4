"""The shape of `agencies.yaml`: its keys, their types, bounds and defaults, and what each of them means.

These models are the file as it is written, before references are resolved; the JSON Schema that editors use
is made from them. A key whose default is None may be left out, not be given an empty value. What concerns
several keys at once is checked in :mod:`pbx112.plan.checks`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from pbx112.plan import rules
from pbx112.plan.finding import Finding, Severity, show
from pbx112.plan.source import Fields, Items
from pbx112.plan.types import (
    CALL_TAKERS,
    LONGEST_PAUSE,
    MAX_CALLS,
    MAX_HOLD,
    MAX_PER_HOUR,
    MAX_WAIT,
    SILENCE,
    SUPERVISORS,
    TAKERS_MAX_WAIT,
    WRAP_UP,
    AcceptMode,
    AgencyKind,
    AnswerMode,
    LineKind,
    NumberFormat,
    RingMode,
)

Seconds = Annotated[float, Field(ge=1, le=120)]
RING_FOR: dict[LineKind, float] = {"extension": 15.0, "mobile": 25.0}
ACCEPT: dict[LineKind, AcceptMode] = {"extension": "pickup", "mobile": "press_1"}


class Part(BaseModel):
    """A mapping of the file; it remembers the lines of its keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)
    _source: Fields = PrivateAttr(default_factory=lambda: Fields("", 0))

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, data: object, handler: ModelWrapValidatorHandler[Part]) -> Part:
        part = handler(data)
        if isinstance(data, Fields):
            part._source = data
        return part

    def line(self, key: str | None = None, item: int | None = None) -> int:
        """Where the part itself, its `key`, or an item of the list under `key` stands in the file."""
        value = self._source.get(key or "")
        if item is not None and isinstance(value, Items):
            return value.lines[item]
        return self._source.lines.get(key or "", self._source.line)

    def gives(self, key: str) -> bool:
        """Whether the file has `key` here, be its value right or wrong."""
        return key in self._source.lines

    def faulty(self, key: str) -> bool:
        """Whether the value of `key` was found wrong, so that what stands here for it says nothing."""
        return key in self._source.faulty

    def sound(self, key: str) -> bool:
        """Whether the file has `key` here with a value of the right shape."""
        return self.gives(key) and not self.faulty(key)

    def keys_of(self, key: str) -> dict[str, int]:
        """The keys of the mapping under `key`, those with faulty values too, and their lines."""
        value = self._source.get(key)
        return value.lines if isinstance(value, Fields) else {}

    def finding(
        self,
        what: str,
        remedy: str,
        key: str | None = None,
        item: int | None = None,
        severity: Severity = "error",
    ) -> Finding:
        """A finding on the line of this part, of its `key`, or of an item under it."""
        return Finding(self._source.file, self.line(key, item), what, remedy, severity)


class ServiceDoc(Part):
    """What the service is called and how it treats a caller."""

    name: rules.Name
    """Full name of the service, as it appears in records and reports."""
    number: rules.Digits = "112"
    """The service number that citizens dial. No other number is let in."""
    language: Literal["id", "en"] = "id"
    """Language of the announcements."""
    timezone: rules.Timezone = "Asia/Jakarta"
    """IANA name of the zone in which duty hours are read."""
    answer: AnswerMode = "on_pickup"
    """`on_pickup`: the caller hears ringing until somebody picks up (or the menu begins). `on_arrival`: the
    call is answered at once with a greeting."""
    menu_wait: Annotated[float, Field(ge=1, le=60)] = 8.0
    """Seconds that a caller has to choose after the menu has been spoken."""
    country: rules.Country = "ID"
    """ISO 3166 code of the country in which a caller's number without + is read."""
    max_calls: Annotated[int, Field(ge=1, le=5000)] = MAX_CALLS
    """How many calls are served at once. The next caller is told to wait, hears music, and goes on in the order of
    arrival as soon as a call ends."""
    max_wait: Annotated[float, Field(ge=5, le=600)] = MAX_WAIT
    """Seconds after which a caller who waits goes on all the same: nobody waits for ever."""
    max_hold: Annotated[float, Field(ge=5, le=600)] = MAX_HOLD
    """Seconds after which a caller who hears music while staff consult comes back into the talk by itself."""
    silence: Annotated[float, Field(ge=0, le=60)] = SILENCE
    """Seconds of a talk in which nothing is heard of the caller, after which it is asked to press 5 in case it cannot
    speak. 0: never."""


class TrunkDoc(Part):
    """A way out to the public telephone network."""

    dial: rules.DialTemplate
    """What Asterisk dials, with {number} where the number goes, such as "PJSIP/{number}@gsm"."""
    format: NumberFormat = "e164"
    """How the trunk wants numbers: `e164` +6281200000001, `plain` 6281200000001, `national` 081200000001
    (what most GSM gateways expect; only for numbers of the service's country)."""
    caller_id: rules.Digits | None = None
    """The number that the called party sees, digits only; absent: whatever the trunk does by itself."""
    max_calls: Annotated[int, Field(ge=1, le=500)] = 4
    """How many calls the trunk carries at once (SIM cards in the gateway, channels of the SIP trunk)."""
    max_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """After how many minutes a call over this trunk is ended."""
    max_per_hour: Annotated[int, Field(ge=1, le=10000)] = MAX_PER_HOUR
    """How many calls may be placed over this trunk within any hour, answered or not; then its lines are passed
    over: the guard against a bill that a fault or a fraud runs up."""
    allow: Annotated[list[rules.Prefix], Field(min_length=1, max_length=50)]
    """Prefixes, in E.164, of the only numbers that may be dialled over this trunk: the guard against
    expensive calls by mistake."""


class LineDoc(Part):
    """One telephone that stands by: an extension, or a mobile (or any public number) over a trunk."""

    extension: rules.Extension | None = None
    """A desk phone's name in Asterisk, such as "2101"."""
    technology: rules.Technology = "PJSIP"
    """The extension's channel technology in Asterisk."""
    mobile: rules.Mobile | None = None
    """A mobile or landline number in E.164, such as "+6281200000001", reached over `trunk`."""
    trunk: rules.Key | None = None
    """The trunk, one of `trunks`, over which the mobile is reached."""
    name: rules.Name | None = None
    """Who or what this is, such as Piket A; absent: the number."""
    ring_for: Seconds | None = None
    """Seconds to ring; absent: its group's `ring_for`, else 15 for an extension and 25 for a mobile."""
    accept: AcceptMode | None = None
    """What counts as a human: picking up, or pressing 1 after hearing who calls. Absent: `pickup` for an
    extension, `press_1` for a mobile, since a mobile's voicemail picks up too."""
    accept_for: Seconds = 12.0
    """Seconds that a line which picked up has to press 1."""
    duty: rules.DutyText | None = None
    """Weekly hours in which somebody stands by, such as "Mon-Sun 19:00-07:00" or "Sen,Rab-Jum 08:00-16:00", in
    the service's time zone; the days are those on which the shift begins. A shift that ends when it began
    lasts 24 hours. Off duty, a line is tried last. Absent: around the clock."""


class CallTakersDoc(Part):
    """Those who answer 112 first."""

    ring: RingMode = "all"
    """`all` together, `in_order` one after the other, `longest_idle` one after the other, who rested longest
    first."""
    ring_for: Seconds | None = None
    """Seconds to ring each line that names none of its own."""
    lines: Annotated[list[LineDoc], Field(min_length=1, max_length=100)]
    """The call takers' phones."""
    then: str
    """What follows when none of them answers: `menu` (the spoken menu of incidents) or an agency's key."""
    wrap_up: Annotated[float, Field(ge=0, le=600)] = WRAP_UP
    """Seconds after a call in which a line is tried after the others, so that its call taker can write down what
    was said."""
    longest_pause: Annotated[float, Field(ge=60, le=14400)] = LONGEST_PAUSE
    """Seconds after which a pause, dialled on the phone, ends by itself."""
    max_wait: Annotated[float, Field(ge=0, le=600)] = TAKERS_MAX_WAIT
    """Seconds for which a caller waits in line, with music, while all call takers talk; then comes what `then` says.
    0: nobody waits, and telephones ring that are in use."""


class SupervisorsDoc(Part):
    """Those whom a call taker calls in by #9. They are not rung for a caller."""

    ring: Literal["all", "in_order"] = "all"
    """`all` together, `in_order` one after the other."""
    ring_for: Seconds | None = None
    """Seconds to ring each line that names none of its own."""
    lines: Annotated[list[LineDoc], Field(min_length=1, max_length=20)]
    """The supervisors' phones."""


class AgencyDoc(Part):
    """An agency (OPD) with the telephones that stand by for it."""

    name: rules.Name
    """Its full name."""
    code: rules.Code
    """The digits by which an operator calls it from the desk phone. No code begins another."""
    kind: AgencyKind = "agency"
    """`neighbour`: the 112 of a neighbouring kabupaten. The records count the calls that went there."""
    ring: Literal["all", "in_order"] = "in_order"
    """`in_order` one line after the other, `all` together."""
    lines: Annotated[list[LineDoc], Field(min_length=1, max_length=100)]
    """Its telephones, in the order in which they are tried. The rule of 112: one stands by around the
    clock."""
    then: str | None = None
    """The agency to try when none of its lines answers."""
    standby: Annotated[list[LineDoc], Field(max_length=100)] = Field(default_factory=list)
    """Further mobiles that the agency may choose, from its own phone and with its PIN, as the standby mobile for the
    night. They are rung only while chosen; the mobiles among `lines` may be chosen as well."""


Owner = CallTakersDoc | SupervisorsDoc | AgencyDoc


class IncidentDoc(Part):
    """A category of emergency with its SOP."""

    name: rules.Name
    """What people call it."""
    menu: rules.MenuKey | None = None
    """The key by which a caller chooses it in the spoken menu; absent: it is not in the menu."""
    code: rules.Code | None = None
    """The digits after #3 and #4 by which an operator names it; absent: its `menu` key. No code begins another."""
    primary: str
    """The agency that goes first."""
    support: Annotated[list[str], Field(max_length=50)] = Field(default_factory=list)
    """The agencies that help, in the order in which they are called."""


class RecordingDoc(Part):
    """The recording of talks."""

    enabled: bool
    """Whether talks are recorded."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """After how many days a recording is deleted (UU PDP 27/2022)."""


class RetentionDoc(Part):
    """How long records are kept (UU PDP 27/2022). Figures outlive all of it."""

    personal_months: Annotated[int, Field(ge=1, le=240)] = 24
    """Whole months after which events leave and callers' numbers become pseudonyms."""
    access_months: Annotated[int, Field(ge=1, le=240)] = 60
    """Whole months after which the log of who read the records leaves."""


class NuisanceDoc(Part):
    """What becomes of a number from which pranks come. It is never refused."""

    marks: Annotated[int, Field(ge=1, le=50)] = 3
    """A number whose calls staff marked as prank more than so many times goes behind all others who wait."""
    within_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """Only calls marked within so many hours count: it ends by itself."""
    question: bool = True
    """Whether such a caller is asked first to press 1 in an emergency. Who does goes on like any other; who does not
    goes on as well, behind the others."""


class VerifyDoc(Part):
    """The test of all agencies' lines by itself (`pbx112 verify` does it on demand)."""

    when: rules.DutyText
    """The window in which it begins, at a moment that nobody can foresee: "Sun 05:00-06:00"."""
    tries: Annotated[int, Field(ge=1, le=5)] = 2
    """How often a line is called that could not be verified at once."""


class Document(Part):
    """pbx112's plan: who is rung for what. Numbers and codes stand in quotes."""

    version: Literal[1]
    """Version of this file's shape."""
    service: ServiceDoc
    trunks: dict[rules.Key, TrunkDoc] = Field(default_factory=dict)
    """Ways out to the public network, by key."""
    call_takers: CallTakersDoc | None = None
    """Absent: the menu, or the default agency, comes first."""
    supervisors: SupervisorsDoc | None = None
    """Absent: nobody can be called in by #9."""
    agencies: dict[rules.Key, AgencyDoc]
    """The agencies (OPD), by key."""
    incidents: dict[rules.Key, IncidentDoc] = Field(default_factory=dict)
    """Categories of emergency and who goes for them, by key."""
    default_agency: str
    """The agency that gets a call when nothing else leads anywhere: its phones must always be staffed."""
    recording: RecordingDoc | None = None
    """Absent: nothing is recorded."""
    retention: RetentionDoc = Field(default_factory=RetentionDoc)
    """How long records are kept."""
    nuisance: NuisanceDoc | None = None
    """Absent: all numbers are alike."""
    verify: VerifyDoc | None = None
    """Absent: lines are tested when somebody runs `pbx112 verify`."""

    def owners(self) -> list[tuple[str, Owner]]:
        """Whoever has lines, in the order of the file, each with what messages call it."""
        takers: list[tuple[str, Owner]] = []
        if self.call_takers:
            takers.append((CALL_TAKERS, self.call_takers))
        if self.supervisors:
            takers.append((SUPERVISORS, self.supervisors))
        return takers + [(f"agency {show(key)}", agency) for key, agency in self.agencies.items()]
