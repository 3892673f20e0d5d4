"""One of two exchanges dies under load: no new call is lost, and what rang there is answered here."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from lab.callers import Caller
from lab.namespaces import cut, mend
from lab.network import SIP, free_udp_ports
from lab.phones import Answers
from lab.processes import eventually
from lab.sipp import Sipp
from lab.storm.callers import Seen, read_calls
from pbx112.audit.verify import verify as verify_records
from pbx112.journal import verify as verify_journal

from .conftest import Province

RATE, CALLS = 5, 50
CITIZEN = "08127100"
"""What their numbers begin with; SIPp's number of the call follows."""
DEATH = 20
"""The call with which it comes."""
TALK = 1.0

Records = defaultdict[str, list[tuple[str, str]]]


def by_the_route(scenario: str) -> str:
    """A caller's scenario that follows the route which a proxy has recorded (RFC 3261, 12.2.1.1)."""
    scenario = scenario.replace('<recv response="200">', '<recv response="200" rrs="true">', 1)
    return re.sub(
        r"(ACK|BYE) sip:\[remote_ip\]:\[remote_port\] SIP/2\.0(\n\s+)Via",
        r"\1 [next_url] SIP/2.0\2[routes]\2Via",
        scenario,
    )


@asynccontextmanager
async def citizens(province: Province) -> AsyncIterator[Sipp]:
    """They begin to call, by the operator's trunk; at the end whoever still calls is gone."""
    trunk = province.network.incoming_trunk
    ports = free_udp_ports(trunk)
    sipp = await Sipp.start(
        "citizens",
        province.folder / "callers",
        by_the_route(Caller(number=f"{CITIZEN}[call_number]", talk=TALK).scenario(province.folder)),
        trunk,
        next(ports),
        to=f"{province.kamailio.address}:{SIP}",
        options=("-s", "112", "-r", str(RATE), "-m", str(CALLS), "-l", str(CALLS), "-mp", str(next(ports))),
        life=60,
    )
    try:
        yield sipp
    finally:
        await sipp.stop()


async def records(province: Province, callers: Iterable[str], moved: Iterable[str]) -> Records:
    """For each caller the node and the outcome of each record, the first first; once every caller has one, and both
    exchanges have told theirs of the calls that were `moved`."""
    wanted, twice, found = set(callers), set(moved), Records(list)
    connection = await asyncpg.connect(province.dsn)

    async def all_there() -> bool:
        found.clear()
        for row in await connection.fetch(
            "SELECT caller_raw, node, outcome FROM pbx112.call ORDER BY arrived_at"
        ):
            found[row["caller_raw"]].append((row["node"], row["outcome"]))
        return found.keys() >= wanted and all(len(found[caller]) == 2 for caller in twice)

    try:
        await eventually(all_there, 45, pause=0.2)
    except TimeoutError:
        pytest.fail(f"no record: {wanted - found.keys()}; not of both: {[(c, found[c]) for c in twice]}")
    finally:
        await connection.close()
    return found


@pytest.mark.parametrize("death", ["killed", "unreachable"])
async def test_an_exchange_dies_under_load_and_no_caller_is_lost(province: Province, death: str) -> None:
    first, second = province.nodes
    await first.phones({"2101": Answers(after=3.0)})  # so that some ring when it dies
    await second.phones({"2101": Answers(after=0.3)})
    async with citizens(province) as calling:
        await calling.until_sent("INVITE", times=DEATH)
        if death == "killed":
            await first.kill()
        else:
            await cut(*first.cable)
        seen: list[Seen] = []

        def all_answered() -> bool:
            seen[:] = read_calls(calling.messages)
            return sum(call.answered is not None for call in seen) == CALLS

        with contextlib.suppress(TimeoutError):
            await eventually(all_answered, 30, pause=0.1)
        lost = [call for call in seen if call.answered is None]
        assert len(seen) == CALLS and not lost, (lost, province.kamailio.log)
        longest = max((call.answered - call.invited).total_seconds() for call in seen if call.answered)
        assert longest < 12
        log = province.kamailio.log
        moved = [f"{CITIZEN}{number}" for number in re.findall(r"failed \(503\), (\d+)-", log)]
        assert moved, log  # they rang there
        assert re.search(r"failed \(408\)", log)  # they came before it was known to be dead

        if death == "killed":
            await first.start_again()
        else:
            await mend(*first.cable)
        # Who came in the moment of death may have left no word there.
        settled = [caller for caller in moved if caller != f"{CITIZEN}{DEATH}"]
        found = await records(province, (call.number for call in seen), settled)
        assert {node for told in found.values() for node, _ in told} == {"node1", "node2"}
        assert all([node for node, _ in found[caller]] == ["node1", "node2"] for caller in settled), found
        assert all(found[caller][-1] == ("node2", "answered") for caller in moved), found
        for node in province.nodes:
            assert verify_journal(node.exchange.folder / "journal" / "journal.db").sound
        records_whole = await verify_records(province.dsn)
        assert not records_whole.faults and records_whole.events
        alive = f"exchange sip:{first.exchange.network.exchange}:{SIP} is alive"
        await eventually(lambda: alive in province.kamailio.log, 10)
        print(f"{death}: {len(moved)} moved, longest until answered {longest:.1f} s")
