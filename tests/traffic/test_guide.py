"""The auditor's guide: every query in it answers what stands below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.postgres import Postgres
from lab.traffic import guide
from lab.traffic.sample import load_sample

TWENTY = list(range(1, 21))
AUDITOR = "guide_auditor"


@pytest.fixture(scope="module")
async def sample(server: Postgres) -> str:
    """The sample, as an auditor sees it who may see no numbers."""
    await server.create_database("guide")
    await load_sample(server.dsn_of("guide"))
    await server.add_account(AUDITOR, "pbx112_auditor")
    return server.dsn_of("guide", AUDITOR)


@pytest.mark.parametrize("path", guide.GUIDES, ids=lambda path: path.name)
async def test_every_query_answers_what_stands_below_it(path: Path, sample: str) -> None:
    """Changed with intent? `python -m lab.traffic answers` writes the answers anew."""
    stands = guide.queries(path.read_text())
    assert len(stands) >= len(TWENTY)
    assert await guide.ask(sample, list(stands)) == stands


def test_both_languages_ask_the_same_twenty_questions() -> None:
    english, indonesian = (guide.questions(path.read_text()) for path in guide.GUIDES)
    assert list(english) == TWENTY
    assert all(english.values())
    answered = guide.queries(guide.GUIDES[0].read_text())
    assert all(answered[sql].count("\n") > 1 for sql in english.values()), (
        "a question whose answer is an empty table"
    )
    assert english == indonesian
