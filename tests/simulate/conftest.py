from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from pbx112.simulate.run import quiet


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """The daemon's log is of no interest in made-up worlds; afterwards it is as it was."""
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)
