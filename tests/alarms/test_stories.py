"""Each alarm as a story: it begins, is said again seldom, and is over."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml

from pbx112.alarms import conditions
from pbx112.alarms.conditions import LASTS, Kind
from pbx112.alarms.heart import State
from pbx112.model import events as ev
from pbx112.model.events import Outcome

from .world import DESK, HOUR, MINUTE, Office, seen

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "pbx112.rules.yml"

ALERTS: dict[Kind, str] = {
    "agency": "Pbx112AgencyWithoutLine",
    "trunk": "Pbx112TrunkDown",
    "nobody": "Pbx112NobodyLoggedIn",
    "caller": "Pbx112CallerWaits",
    "slow": "Pbx112SlowToAnswer",
    "unserved": "Pbx112Unserved",
    "silent": "Pbx112AgencyDoesNotAnswer",
    "fallback": "Pbx112Fallback",
    "pranks": "Pbx112PrankStorm",
    "daemon": "Pbx112NobodyServes",
    "asterisk": "Pbx112Trouble",
    "journal": "Pbx112Trouble",
    "database": "Pbx112Trouble",
    "disk": "Pbx112Trouble",
}


def quiet_office() -> Office:
    office = Office()
    office.tell(seen())
    assert office.wait(10 * MINUTE) == []
    return office


def test_an_agency_without_a_live_line() -> None:
    office = quiet_office()
    office.tell(seen(line="unreachable"))
    assert office.wait(10 * MINUTE) == []  # its mobile is alive
    office.tell(seen(line="unreachable", second="unreachable"))
    assert office.wait(170) == []
    assert office.wait(20) == ["begins agency:damkar"]
    office.tell(seen(line="busy", second="unreachable"))
    assert office.wait(25) == [] and office.wait(15) == ["over agency:damkar"]


def test_a_trunk_that_is_not_registered() -> None:
    office = quiet_office()
    office.tell(seen(trunk="unknown"))
    assert office.wait(10 * MINUTE) == []
    office.tell(seen(trunk="unregistered"))
    assert office.wait(70) == ["begins trunk:gsm"]
    assert office.words[-1].about.why == "unregistered"
    office.tell(seen(trunk="unknown"))
    assert office.wait(10 * MINUTE) == []  # nobody knows: it is not over
    office.tell(seen())
    assert office.wait(MINUTE) == ["over trunk:gsm"]


def test_nobody_logged_in() -> None:
    office = quiet_office()
    office.tell(ev.LineStateChanged("1101", "logged_out"))
    assert office.wait(5 * MINUTE) == []
    office.tell(ev.LineStateChanged("1102", "paused", office.us + 3_600_000_000))
    assert office.wait(130) == ["begins nobody"]
    office.tell(ev.LineStateChanged("1101", "ready"))
    assert office.wait(MINUTE) == ["over nobody"]


def test_a_caller_waits_too_long() -> None:
    office = quiet_office()
    office.tell(ev.CallArrived("c", "0813", "+62813", True, "112"), "c1")
    office.tell(ev.LegOffered(1, "l1", DESK), "c1")
    assert office.wait(55) == []
    assert office.wait(15) == ["begins caller"]
    office.tell(ev.LegAccepted(1), "c1")
    assert office.wait(MINUTE) == ["over caller"]


def test_a_caller_of_whom_nobody_knows_whether_he_still_waits() -> None:
    office = quiet_office()
    office.tell(ev.CallArrived("c", "0813", "+62813", True, "112"), "c1")
    office.daemon = "absent"
    assert office.wait(5 * MINUTE) == ["begins daemon"]


def test_a_caller_whom_the_dialplan_has_is_told_as_such_and_may_long_be_talking() -> None:
    office = quiet_office()
    office.tell(ev.CallArrived("c", "0813", "+62813", True, "112"), "c1")
    office.tell(ev.HandedToFallback("stopping"), "c1")
    assert office.wait(5 * MINUTE) == ["begins fallback"]


def test_who_waited_for_a_daemon_is_no_quick_answer() -> None:
    office = quiet_office()
    office.tell(ev.CallArrived("c", "0813", "+62813", True, "112", late=90.0), "c1")
    office.tell(ev.LegOffered(1, "l1", DESK), "c1")
    office.now += 2
    office.tell(ev.LegAccepted(1), "c1")
    assert office.past.waits(office.us) == [92.0]


def test_an_hour_below_the_yardstick() -> None:
    office = quiet_office()
    for number in range(9):
        office.call(f"c{number}", answered_after=20)
    assert office.wait(10 * MINUTE) == []  # too few to judge
    office.call("c9", answered_after=5)
    assert office.wait(290) == []
    assert office.wait(20) == ["begins slow"]
    assert office.words[-1].about.many == 10
    for number in range(10, 100):
        office.call(f"c{number}", answered_after=5)
    assert office.wait(MINUTE) == ["over slow"]


def test_calls_that_reached_nobody() -> None:
    office = quiet_office()
    office.call("c1", answered_after=None, outcome=Outcome.ABANDONED_RINGING)
    assert office.wait(MINUTE) == []
    office.call("c2", answered_after=None, outcome=Outcome.UNANSWERED)
    assert office.wait(5) == ["begins unserved"]
    assert office.wait(10 * MINUTE + 60) == ["over unserved"]


def test_an_agency_that_does_not_answer() -> None:
    office = quiet_office()
    office.rung_in_vain("c1")
    office.rung_in_vain("c2")
    assert office.wait(MINUTE) == []
    office.rung_in_vain("c3")
    assert office.wait(5) == ["begins silent:damkar"]
    office.rung_in_vain("c4", accepts=True)
    assert office.wait(MINUTE) == ["over silent:damkar"]


def test_the_daemon_is_gone_and_what_only_it_knows_stays_as_it_was() -> None:
    office = quiet_office()
    office.troubles = {"asterisk_away": "Asterisk is away: refused"}
    assert office.wait(MINUTE) == ["begins asterisk"]
    office.daemon, office.troubles = "absent", None
    assert office.wait(MINUTE) == ["begins daemon"]
    assert office.found("asterisk").stands is None
    office.daemon, office.troubles = "serves", {}
    assert office.wait(MINUTE) == ["over asterisk", "over daemon"]


def test_a_standby_that_takes_over_in_time_is_no_alarm() -> None:
    office = quiet_office()
    office.daemon = "absent"
    assert office.wait(10) == []
    office.daemon = "serves"
    assert office.wait(10 * MINUTE) == []


def test_each_time_it_has_to_last_anew() -> None:
    office = quiet_office()
    for _ in range(20):
        office.daemon = "absent"
        assert office.wait(10) == []
        office.daemon = "serves"
        assert office.wait(10) == []


@pytest.mark.parametrize("what", ["journal_disk", "journal_silent"])
def test_the_journal_in_trouble(what: str) -> None:
    office = quiet_office()
    office.troubles = {what: "the journal's disk: full"}
    assert office.wait(MINUTE) == ["begins journal"]
    office.troubles = {}
    assert office.wait(MINUTE) == ["over journal"]


def test_postgres_by_the_daemons_word_and_by_our_own() -> None:
    office = quiet_office()
    office.troubles = {"records": "no"}
    assert office.wait(MINUTE) == ["begins database"]
    office.troubles, office.database = {}, "connection refused"
    assert office.wait(MINUTE) == []
    office.database = ""
    assert office.wait(MINUTE) == ["over database"]
    office.daemon, office.troubles, office.database = "absent", None, "connection refused"
    office.wait(MINUTE)
    assert office.found("database").stands


def test_little_room_on_a_disk() -> None:
    office = quiet_office()
    office.disks = {"/var/lib/pbx112": "12 MB"}
    assert office.wait(MINUTE) == ["begins disk:/var/lib/pbx112"]
    office.disks = {"/var/lib/pbx112": ""}
    assert office.wait(MINUTE) == ["over disk:/var/lib/pbx112"]


def test_calls_by_the_fallback_are_told_when_they_become_known() -> None:
    office = quiet_office()
    office.now += HOUR
    office.call("c1", answered_after=HOUR / 2, outcome=Outcome.FALLBACK_ANSWERED, via="fallback")
    assert office.wait(5) == ["begins fallback"]
    assert office.wait(10 * MINUTE + 60) == ["over fallback"]
    office.tell(ev.CallArrived("c", "0813", "+62813", True, "112"), "c2")
    office.tell(ev.HandedToFallback("a fault"), "c2")
    office.tell(ev.CallEnded(Outcome.FALLBACK_ANSWERED, "caller"), "c2")
    assert office.wait(20 * MINUTE)[0] == "begins fallback"


def test_a_storm_of_pranks() -> None:
    office = quiet_office()
    for number in range(20):
        office.tell(ev.CallMarked("1101", disposition="prank" if number % 2 else "ghost"), f"c{number}")
    office.tell(ev.CallMarked("1101", disposition="normal"), "c20")
    assert office.wait(MINUTE) == []
    office.tell(ev.CallMarked("1101", disposition="prank"), "c21")
    assert office.wait(5) == ["begins pranks"]
    assert office.wait(11 * MINUTE) == ["over pranks"]


def test_an_alarm_that_stands_is_said_again_seldom() -> None:
    office = quiet_office()
    office.daemon, began = "absent", office.now
    spoken: list[float] = []
    for _ in range(24 * 60):
        told = office.wait(MINUTE, every=30)
        spoken += [(office.now - began) / HOUR] * len(told)
    assert spoken == pytest.approx([0, 0.25, 1.25, 5.25, 9.25, 13.25, 17.25, 21.25], abs=0.03)
    assert office.said == ["begins daemon", *["still daemon"] * 7]


def test_what_comes_and_goes_is_said_as_seldom() -> None:
    """A day of two minutes down and two minutes up."""
    office = quiet_office()
    for _ in range(24 * 15):
        office.daemon = "absent"
        office.wait(2 * MINUTE, every=10)
        office.daemon = "serves"
        office.wait(2 * MINUTE, every=10)
    assert office.said.count("begins daemon") == office.said.count("over daemon") == 8
    assert len(office.said) == 16
    assert office.wait(5 * HOUR, every=MINUTE) == [] and office.heart.known == {}
    office.daemon = "absent"
    assert office.wait(MINUTE) == ["begins daemon"]  # it is forgotten, and is news again


def test_a_short_pause_is_not_the_end() -> None:
    office = quiet_office()
    office.daemon = "absent"
    assert office.wait(MINUTE) == ["begins daemon"]
    for _ in range(50):
        office.daemon = "serves"
        assert office.wait(10) == []
        office.daemon = "absent"
        assert office.wait(5) == []


def test_all_that_is_due_goes_together() -> None:
    office = quiet_office()
    office.daemon, office.database, office.disks = "absent", "refused", {"/a": "1 MB", "/b": "2 MB"}
    moments: set[int] = set()
    for _ in range(20):
        before = len(office.words)
        office.wait(5)
        moments |= {office.us} if len(office.words) > before else set()
    assert sorted(office.said) == ["begins daemon", "begins database", "begins disk:/a", "begins disk:/b"]
    gaps = [after - before for before, after in zip(sorted(moments), sorted(moments)[1:], strict=False)]
    assert len(moments) == 2 and min(gaps) >= 30_000_000


def test_a_restart_forgets_nothing_and_repeats_nothing() -> None:
    office = quiet_office()
    office.daemon = "absent"
    assert office.wait(MINUTE) == ["begins daemon"]
    saved = msgspec.json.encode(office.heart.known)
    later = Office(msgspec.json.decode(saved, type=State))
    later.now, later.daemon = office.now, "absent"
    assert later.wait(10 * MINUTE) == []
    later.daemon = "serves"
    assert later.wait(MINUTE) == ["over daemon"]


def test_an_agency_that_left_the_plan_is_over() -> None:
    office = quiet_office()
    office.tell(seen(police="unreachable"))
    assert office.wait(5 * MINUTE) == ["begins agency:satpol_pp"]
    office.plan = replace(office.plan, agencies={"damkar": office.plan.agencies["damkar"]})
    assert office.wait(MINUTE) == ["over agency:satpol_pp"]


def test_a_clock_that_is_set_back_silences_nothing_for_ever() -> None:
    office = quiet_office()
    office.daemon = "absent"
    office.wait(MINUTE)
    office.now -= 10 * HOUR
    assert office.wait(16 * MINUTE) == ["still daemon"]
    office.daemon = "serves"
    assert office.wait(5) == []
    office.now -= 10 * HOUR
    assert office.wait(MINUTE) == ["over daemon"]


def test_the_figures_are_those_of_the_alert_rules() -> None:
    rules = {
        rule["alert"]: rule
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
    }
    assert set(ALERTS) == set(LASTS) - {"stuck"}  # a disk that hangs for the alarms: no daemon can tell that
    for kind, alert in ALERTS.items():
        lasts = rules[alert].get("for", "0s")
        assert LASTS[kind] == int(lasts[:-1]) * {"s": 1, "m": 60, "h": 3600}[lasts[-1]], kind

    def figure(alert: str, sign: str) -> float:
        [number] = re.findall(rf"{sign} ([0-9.]+)\s*$", rules[alert]["expr"], re.MULTILINE)
        return float(number)

    assert figure("Pbx112CallerWaits", ">") == conditions.WAITS_TOO_LONG
    assert figure("Pbx112SlowToAnswer", "<") == conditions.SHARE
    assert figure("Pbx112SlowToAnswer", ">=") == conditions.ENOUGH
    assert f'le="{conditions.WITHIN}"' in rules["Pbx112SlowToAnswer"]["expr"]
    assert figure("Pbx112AgencyDoesNotAnswer", ">=") == conditions.TRIES
    assert figure("Pbx112PrankStorm", ">") == conditions.STORM
