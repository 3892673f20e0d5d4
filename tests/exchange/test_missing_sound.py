"""Sound files that are not there: said once each, with their names, and no call suffers."""

from __future__ import annotations

from lab.callers import Caller
from lab.exchange import Exchange
from lab.phones import BUSY
from lab.processes import eventually

from .plans import plan
from .test_desk_keys import PATIENT, SOON, operator


async def test_missing_sounds_are_named_once_and_left_out(exchange: Exchange) -> None:
    """The first of a list (the briefing of who is called in), and one alone (a word to the operator)."""
    text = plan()
    await exchange.reload_plan(text)
    await exchange.phones({"1101": operator("*14", "#63", "#62"), "1102": BUSY, "2201": SOON})
    sounds = exchange.asterisk.sounds
    missing = [*sounds.glob("**/briefing.*"), *sounds.glob("**/word_marked.*")]
    assert missing
    kept = {file: file.read_bytes() for file in missing}
    before = len(exchange.daemon.said("sound"))
    for file in missing:
        file.unlink()
    try:
        caller = Caller(talk=PATIENT)
        calling = await exchange.dial(caller)
        await exchange.told(caller, "LegAccepted", leg=3)
        await exchange.told(caller, "CallMarked", disposition="prank")

        def named() -> list[str]:
            return [str(line["sound"]) for line in exchange.daemon.said("sound")[before:]]

        await eventually(lambda: "sound:pbx112/word_marked" in named(), 10)
        await exchange.told(caller, "CallMarked", disposition="ghost")
        calling.hang_up()
        record = await exchange.record(caller)
    finally:
        for file, sound in kept.items():
            file.write_bytes(sound)
    assert sorted(named()) == ["sound:pbx112/briefing", "sound:pbx112/word_marked"]
    assert record.tried[2] == ("2201", "accepted")
    assert "pbx112 prompts" in exchange.daemon.said("sound")[-1]["event"]
