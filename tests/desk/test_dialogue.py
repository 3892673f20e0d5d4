"""The codes outside a call, told by hand: what is said, and what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pbx112.desk.acts import Act, Ask, Dial, Note, Say
from pbx112.desk.desk import Desk
from pbx112.desk.dialogue import dialogue, morning_after, way_over
from pbx112.model import events as ev
from pbx112.model.events import Disposition, Instant, Outcome
from pbx112.model.route import target_of
from pbx112.plan.types import CALL_TAKERS, CallTakers, Nuisance, Plan, Supervisors
from pbx112.switch.ledger import LOCKED_US, Ledger
from tests.model.desk import NOON, agency, extension, mobile, plan

TAKERS = CallTakers("all", (extension("1101"), extension("1102")), "damkar", longest_pause=1800.0)
DAMKAR = agency("damkar", extension("2101"), mobile("+6281200000001"), mobile("+6281200000002"))
PLAN = plan(DAMKAR, call_takers=TAKERS, menu={"1": "damkar"})
NOW = Instant(NOON, 10**12)


def told(
    digit: str,
    *answers: str,
    device: str = "PJSIP/1101",
    ledger: Ledger | None = None,
    on: Plan = PLAN,
    waiting: int = 0,
    free: bool = True,
) -> tuple[list[str], list[tuple[str, ev.Event]], list[Dial]]:
    """The words, the notes and the calls of one dialogue; `answers` to its questions, then to its calls."""
    ledger = ledger or Ledger()
    desk = Desk(on, ledger, NOW, device, waiting, {"damkar": "4711"}, lambda trunk: free)
    said, noted, dialled = list[str](), list[tuple[str, ev.Event]](), list[Dial]()
    left = list(answers)
    acts = dialogue(digit, desk)
    answer: str | None = None
    try:
        while True:
            act: Act = next(acts) if answer is None else acts.send(answer)
            answer = ""
            match act:
                case Say(media=media):
                    said += words(media)
                case Ask(media=media):
                    said += words(media)
                    answer = left.pop(0) if left else ""
                case Note(subject=subject, event=event):
                    noted.append((subject, event))
                    ledger.heed(subject, event, NOW)
                case Dial():
                    dialled.append(act)
                    answer = left.pop(0)
    except StopIteration:
        return said, noted, dialled


def words(media: Sequence[str]) -> list[str]:
    assert all(word.startswith("pbx112/") for word in media)
    return [word.removeprefix("pbx112/") for word in media]


def after_a_call(
    ledger: Ledger,
    call_id: str = "c1",
    number: str | None = "+6281234567890",
    *,
    source: str = "PJSIP/trunk-112",
    callable_: bool = True,
    by: str = "",
) -> None:
    """A call that nobody took, or that line `by` took."""
    ledger.heed(call_id, ev.CallArrived(call_id, "x", number, callable_, "112", source), NOW)
    if by:
        target = target_of(PLAN, CALL_TAKERS, extension(by))
        ledger.heed(call_id, ev.LegOffered(1, "l", target), NOW)
        ledger.heed(call_id, ev.LegAccepted(1), NOW)
        ledger.heed(call_id, ev.LegEnded(1, ev.LegResult.ACCEPTED), NOW)
    outcome = Outcome.ANSWERED if by else Outcome.ABANDONED_RINGING
    ledger.heed(call_id, ev.CallEnded(outcome, "caller"), NOW)


def test_a_call_taker_logs_out_and_in() -> None:
    ledger = Ledger()
    said, noted, _ = told("0", ledger=ledger)
    assert said == ["desk_out"]
    assert noted == [("", ev.LineStateChanged("1101", "logged_out"))]
    assert ledger.away(NOW.utc_us) == {"1101"}
    assert told("1", ledger=ledger)[0] == ["desk_in"]
    assert not ledger.away(NOW.utc_us)


def test_a_pause_ends_by_itself() -> None:
    ledger = Ledger()
    told("2", ledger=ledger)
    assert ledger.away(NOW.utc_us + 1_799_000_000) == {"1101"}
    assert not ledger.away(NOW.utc_us + 1_800_000_000)


def test_the_last_one_to_leave_is_told_that_the_telephone_goes_on_ringing() -> None:
    ledger = Ledger()
    told("0", ledger=ledger)
    assert told("2", ledger=ledger, device="PJSIP/1102")[0] == ["desk_paused", "desk_alone"]


def test_other_telephones_are_refused() -> None:
    for digit in "01245":
        said, noted, dialled = told(digit, device="PJSIP/2101")
        assert (said, noted, dialled) == (["desk_not_yours"], [], [])
    assert told("3", device="PJSIP/9999")[0] == ["desk_not_yours"]
    assert told("6", "4711", "1", device="PJSIP/1101")[1] == []
    assert told("9")[0] == ["desk_unknown"]


def test_the_last_call_is_marked_under_its_id() -> None:
    ledger = Ledger()
    assert told("3", ledger=ledger)[0] == ["desk_no_call"]
    after_a_call(ledger, by="1101")
    _, noted, _ = told("3", "3", "1", ledger=ledger)
    assert noted == [
        ("c1", ev.CallMarked("1101", disposition=Disposition.PRANK)),
        ("c1", ev.CallMarked("1101", incident="kasus_1", name="Kasus 1")),
    ]
    assert told("3", "9", "99", ledger=ledger)[1] == []
    assert told("3", ledger=ledger, device="PJSIP/1102")[0] == ["desk_no_call"]


def test_an_abandoned_caller_is_called_back_over_the_trunk() -> None:
    ledger = Ledger()
    after_a_call(ledger)
    said, noted, dialled = told("4", "1", "answer 12", ledger=ledger)
    assert said[:2] == ["desk_abandoned", "digit_1"]
    assert dialled == [Dial("PJSIP/+6281234567890@gsm", "gsm", "0739112", 3600)]
    assert noted == [
        ("c1", ev.CallBackPlaced("1101", "+6281234567890", "gsm")),
        ("c1", ev.CallBackEnded("1101", "answer", 12.0)),
    ]
    assert told("4", ledger=ledger)[0] == ["desk_none_abandoned"]


def test_who_was_not_reached_comes_last_and_leaves_after_three_times() -> None:
    ledger = Ledger()
    after_a_call(ledger)
    after_a_call(ledger, "c2", "+6281234567891")
    told("4", "1", "busy", ledger=ledger)
    assert [each.call_id for each in ledger.unserved(NOW.utc_us)] == ["c2", "c1"]
    for _ in range(2):
        told("4", "2", "1", "noanswer", ledger=ledger)
    assert [each.call_id for each in ledger.unserved(NOW.utc_us)] == ["c2"]


def test_a_colleague_who_was_faster_leaves_nobody_to_call() -> None:
    ledger = Ledger()
    after_a_call(ledger)
    acts = dialogue("4", Desk(PLAN, ledger, NOW, "PJSIP/1101", 0, {}, lambda trunk: True))
    next(acts)
    acts.send("")
    ledger.heed("c1", ev.CallBackPlaced("1102", "+6281234567890", "gsm"), NOW)
    assert acts.send("1") == Say(("pbx112/desk_not_allowed",))


def test_who_cannot_be_called_back_is_not_on_the_list() -> None:
    ledger = Ledger()
    after_a_call(ledger, "anonymous", None, callable_=False)
    after_a_call(ledger, "no-sim", "+6281234567890", callable_=False)
    after_a_call(ledger, "from-a-desk", "+6281234567892", source="PJSIP/2101")
    assert told("4", ledger=ledger)[0] == ["desk_none_abandoned"]


def test_only_what_a_trunk_allows_is_dialled() -> None:
    ledger = Ledger()
    after_a_call(ledger, number="+4930123456")
    said, noted, dialled = told("4", "1", ledger=ledger)
    assert (said[-1], noted, dialled) == ("desk_not_allowed", [], [])
    gsm = replace(PLAN.trunks["gsm"], format="national")
    way = way_over(gsm, "+6281234567890", PLAN)
    assert way is not None and way.dial == "PJSIP/081234567890@gsm"


def test_a_full_trunk_is_left_to_the_emergency() -> None:
    ledger = Ledger()
    after_a_call(ledger)
    said, noted, dialled = told("4", "1", ledger=ledger, free=False)
    assert (said[-1], noted, dialled) == ("desk_trunk_full", [], [])


def test_who_is_served_later_needs_no_call_back_and_a_day_later_nobody() -> None:
    ledger = Ledger()
    after_a_call(ledger)
    assert not ledger.unserved(NOW.utc_us + 86_400_000_001)
    after_a_call(ledger, "c2", by="1101")
    assert not ledger.unserved(NOW.utc_us)


def test_the_agencys_own_phone_and_its_pin_choose_tonights_mobile() -> None:
    ledger = Ledger()
    said, noted, _ = told("6", "4711", "2", device="PJSIP/2101", ledger=ledger)
    until = morning_after(NOW.utc_us, PLAN)
    assert noted == [("", ev.StandbyChosen("2101", "damkar", "+6281200000002", until))]
    assert said[-6:] == ["desk_standby", "digit_0", "digit_0", "digit_0", "digit_2", "desk_until"]
    assert ledger.standby(until - 1) == {"damkar": "+6281200000002"}
    assert ledger.standby(until) == {}
    told("6", "4711", "0", device="PJSIP/2101", ledger=ledger)
    assert ledger.standby(NOW.utc_us) == {}


def test_wrong_pins_are_noted_and_lock() -> None:
    ledger = Ledger()
    for _ in range(2):
        said, noted, _ = told("6", "1", "2", "3", device="PJSIP/2101", ledger=ledger)
    assert {type(event) for _, event in noted} == {ev.PinRefused}
    assert said[-1] == "desk_locked"
    assert told("6", "4711", "1", device="PJSIP/2101", ledger=ledger)[1] == []
    assert not ledger.locked("damkar", NOW.utc_us + LOCKED_US)


def test_who_gives_no_pin_in_time_has_given_no_wrong_one() -> None:
    ledger = Ledger()
    for _ in range(3):
        assert told("6", "", device="PJSIP/2101", ledger=ledger)[1] == []
    assert not ledger.locked("damkar", NOW.utc_us)


def test_an_agency_without_a_pin_changes_nothing() -> None:
    other = plan(agency("bpbd", extension("2201")), call_takers=TAKERS, default="bpbd")
    assert told("6", "", "1", device="PJSIP/2201", on=other)[:2] == (["desk_no_pin"], [])


def test_how_many_wait() -> None:
    assert told("5", waiting=0)[0] == ["desk_waiting", "digit_0"]
    assert told("5", waiting=12)[0] == ["desk_waiting", "desk_many"]


def test_what_stands_is_said_again() -> None:
    ledger = Ledger()
    told("0", ledger=ledger)
    told("6", "4711", "1", device="PJSIP/2101", ledger=ledger)
    again = Ledger()
    again.heed("", ledger.stated(), NOW)
    assert again.away(NOW.utc_us) == {"1101"}
    assert again.standby(NOW.utc_us) == ledger.standby(NOW.utc_us) != {}


def pranks_of(ledger: Ledger, number: str, calls: int) -> None:
    for place in range(calls):
        call = f"{number}-{place}"
        ledger.heed(call, ev.CallArrived("x", number, number, True, "112"), NOW)
        ledger.heed(call, ev.CallMarked("1101", disposition=Disposition.PRANK), NOW)


def test_a_supervisor_hears_the_numbers_of_pranks_and_lifts_one() -> None:
    on = replace(PLAN, supervisors=Supervisors("all", (extension("9001"),)), nuisance=Nuisance(2, 24, True))
    ledger = Ledger()
    for number, calls in (("+6281234567890", 3), ("+6281234567891", 3), ("+6281234567892", 2)):
        pranks_of(ledger, number, calls)
    said, noted, _ = told("7", "2", "1", device="PJSIP/9001", ledger=ledger, on=on)
    assert said[:3] == ["desk_nuisances", "digit_2", "desk_number"]
    assert said.count("desk_lift") == 2
    assert said[-2:] == ["desk_lifted", "desk_end_of_list"]
    assert noted == [("", ev.NuisanceLifted("9001", "+6281234567890"))], "the last marked comes first"
    assert told("7", device="PJSIP/9001", ledger=ledger, on=on)[0][:2] == ["desk_nuisances", "digit_1"]
    assert told("7", device="PJSIP/9001", on=on)[0] == ["desk_nuisances", "digit_0"]
    assert told("7", ledger=ledger, on=on) == (["desk_not_yours"], [], [])
