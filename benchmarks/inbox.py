"""The `inbox` command at 100,000 open cases, as a whole process, against `import sqlalchemy`."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.step import fill
from benchmarks.world import folder, machine
from tests.support.commands import workspace
from tests.support.world import World

RUNS = 15


def main() -> None:
    """Print the time and the peak memory of today's list."""
    print(machine())
    with folder() as made:
        inbox = workspace(made)
        inbox("register", "--organisation", "Mesure", "--subject", "S")
        inbox("take", "1")
        world = World(f"sqlite:///{inbox.home / 'arrimage.db'}")
        fill(world, world.id("1"), 100_000)
        world.database.close()
        command = [sys.executable, "-m", "inbox"]
        ours, bare = [], []
        for _ in range(RUNS):
            bare.append(timed([sys.executable, "-c", "import sqlalchemy"], inbox.environment()))
            ours.append(timed(command, inbox.environment()))
        print(f"import sqlalchemy: {min(bare):.0f} ms   inbox at 100k: {min(ours):.0f} ms   "
              f"{min(ours) / min(bare):.2f}x   peak {peak(command, inbox.environment()):.0f} MB")  # fmt: skip


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Return how long a process takes, in milliseconds."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (time.perf_counter() - begun) * 1000


def peak(command: list[str], environment: dict[str, str]) -> float:
    """Return the peak memory of a process, in megabytes (Linux counts kilobytes)."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execvpe(command[0], command, environment)
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_maxrss / 1000
