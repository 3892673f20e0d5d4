"""Work that may hang for ever (a dying disk, a network share that is away): waited for so long, and no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Hangs(Exception):
    """There is no answer in time, or none yet to an earlier question."""


class Blocking(Generic[T]):
    """One source's work, in a thread of its own: nobody can end a thread that hangs in the kernel, so there is one at
    most, and the process waits for none when it ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._asked: asyncio.Future[T] | None = None

    async def ask(self, work: Callable[[], T], within: float) -> T:
        """What `work` returns or raises within so many seconds; else :class:`Hangs`. While it hangs, no other is begun
        and nobody waits; what it comes to after all is the answer to whoever asks next."""
        if self._asked is None:
            answer: Future[T] = Future()
            self._asked = asyncio.wrap_future(answer)
            threading.Thread(target=_do, args=(work, answer), name=self.name, daemon=True).start()
            await asyncio.wait((self._asked,), timeout=within)
        if not self._asked.done():
            raise Hangs(f"{self.name}: no answer within {within:g} s")
        asked, self._asked = self._asked, None
        return asked.result()


def _do(work: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:  # raised again where it is waited for
        answer.set_exception(error)
