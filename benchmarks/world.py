"""A workspace for measuring: a definition with a loop, timers and mail, on a given database."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.databases import running_postgres
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFINITION = Path(__file__).with_name("loop.yaml")


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder on the disk of this checkout, not in memory, and remove it."""
    made = Path(tempfile.mkdtemp(prefix=".bench-", dir=Path(__file__).parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def both() -> Iterator[dict[str, str]]:
    """Give the URL of a fresh database of each kind."""
    with folder() as made, running_postgres() as server:
        yield {"sqlite": f"sqlite:///{made / 'bench.db'}", "postgresql": server.new()}


def prepared(url: str) -> World:
    """Return a world that runs the loop."""
    world = World(url)
    world.install(DEFINITION)
    return world.people()


def median(run: Callable[[], object], count: int, *, warm: int = 50) -> float:
    """Return the median duration of a call, in milliseconds."""
    for _ in range(warm):
        run()
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def series(world: World, first: int, last: int) -> str:
    """Return a table `s(n)` of the integers from `first` to `last`, for an INSERT … SELECT."""
    if world.database.dialect == "sqlite":
        return f"(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s)"
    return f"(SELECT n FROM generate_series({first}, {last}) AS g(n)) AS s"


def machine() -> str:
    """Return what this was measured on."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
