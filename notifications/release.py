"""The ends of what a mail server holds, written one right after another, then its replies to them.

A relay on the same machine accepts faster while nobody beside it works: until its replies have come, this
process writes nothing down and reads nothing, it only notes when each of them is there to be read.
"""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import contextmanager
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from typing import TYPE_CHECKING

from notifications.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from notifications.staging import Held, Watch

#: Seconds for which nothing is done but to note replies: what a crash makes uncertain although the server
#: had replied is what came in that time.
_STILL = 0.25
#: Seconds for which replies that come later are gathered before they are told.
_TOGETHER = 0.1


async def release(sent: Sequence[Held], watch: Watch) -> AsyncIterator[list[Held]]:
    """Write every end, and yield what is settled, more or less together, until everything is.

    Args:
        sent: What the server holds; `dot_at`, `replied_at` and `outcome` of each are set.
        watch: The instants.
    """
    await _heard()
    with _collecting_nothing(), DefaultSelector() as ears:
        for held in sent:
            if held.connection.holds:
                ears.register(held.connection, EVENT_READ, held)
        _write(sent, watch)
        _note(ears, watch)
    settled = [h for h in sent if h.outcome is not None]
    waiting = {asyncio.ensure_future(_answer(h, watch)) for h in sent if h.outcome is None}
    while waiting or settled:
        if settled:
            yield settled
        settled, waiting = await _answers(waiting)


async def _heard() -> None:
    """Let the connections that the server has closed by now be known as closed."""
    for _pass in range(2):  # of the event loop: one to see it, one to tell
        await asyncio.sleep(0)


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Put the collection of garbage off: it takes as long as dozens of acceptances."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _write(sent: Sequence[Held], watch: Watch) -> None:
    for held in sent:
        held.dot_at = watch.now()
        if not held.connection.end():
            held.dot_at = None
            held.outcome = Outcome(
                state="lost_before_dot", reply="connection lost (before the end)"
            )


def _note(ears: BaseSelector, watch: Watch) -> None:
    """Note when there is something to read, connection by connection, for as long as `_STILL`."""
    until = time.monotonic() + _STILL
    while ears.get_map() and (left := until - time.monotonic()) > 0:
        ready = ears.select(left)
        now = watch.now()
        for key, _events in ready:
            key.data.came_at = now
            ears.unregister(key.fileobj)


async def _answers(
    waiting: set[asyncio.Task[Held]],
) -> tuple[list[Held], set[asyncio.Task[Held]]]:
    """Wait for replies; return those that came, more or less together, and what is still waited for."""
    done: set[asyncio.Task[Held]] = set()
    for until, patience in ((asyncio.FIRST_COMPLETED, None), (asyncio.ALL_COMPLETED, _TOGETHER)):
        if waiting:
            come, waiting = await asyncio.wait(waiting, return_when=until, timeout=patience)
            done |= come
    return [task.result() for task in done], waiting


async def _answer(held: Held, watch: Watch) -> Held:
    held.outcome = await held.connection.reply()
    held.replied_at = held.came_at or watch.now()
    return held
