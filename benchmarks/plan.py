"""The plan's figures: five years simulated, a pass over many timers, many reminders at one instant."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from benchmarks.step import fill
from benchmarks.world import both, folder, machine, median, prepared, series
from engine.schema import cases, to_micros
from engine.timers import tick
from notifications.rendering import Renderer
from notifications.settings import Institute, MailSettings
from notifications.worker import Worker
from tests.support.commands import workspace
from tests.support.mail import MailServer
from tests.support.world import ADVISER

if TYPE_CHECKING:
    from tests.support.world import World

PENDING = 1_000_000
REMINDERS = 2_000
INSTITUTE = Institute(name="Institut", address="", email="info@example.org")


def simulate() -> None:
    """Print how long five years of the shipped plan take, as a whole process."""
    print(machine())
    with folder() as made:
        inbox = workspace(made)
        words = ["simulate", "--from", "2011-04-01", "--to", "2016-03-31", "--json"]
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "inbox", *words],
            env=inbox.environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
        seconds, happened = time.perf_counter() - begun, done.stdout.count('"kind":')
        print(f"five years, 24 indicators: {seconds:.1f} s, {happened} happenings")


def clock() -> None:
    """Print a pass of the clock over a million pending timers: none due, then a hundred."""
    print(machine())
    with both() as urls:
        for name, url in urls.items():
            world = prepared(url)
            case_id = world.id(_open(world))
            fill(world, case_id, 1_000)
            _arm(world, PENDING // 1_000)
            none = median(partial(tick, world.engine), 50, warm=5)
            with world.database.write() as connection:
                connection.exec_driver_sql(
                    f"UPDATE timers SET fire_at = 1 WHERE id IN (SELECT id FROM timers WHERE name = 'm0' "
                    f"AND case_id > {case_id} LIMIT 100)"
                )
            begun = time.perf_counter()
            tick(world.engine)
            hundred = (time.perf_counter() - begun) * 1000
            print(f"{name:<11} {PENDING} pending: none due {none:.2f} ms, 100 due {hundred:.0f} ms")
            world.database.close()


def mail() -> None:
    """Print the messages a second of as many reminders, beside a bare smtplib loop of the same bytes."""
    print(machine())
    with folder() as made, MailServer() as server:
        world = prepared(f"sqlite:///{made / 'bench.db'}")
        for n in range(REMINDERS):
            world.engine.open(
                "boucle", {"objet": f"Mesure {n}", "courriel": f"a{n}@example.org"}, ADVISER
            )
        _advance_all(world)
        settings = MailSettings(
            host="127.0.0.1", port=server.port, security="none", institute=INSTITUTE
        )
        worker = Worker(
            database=world.database,
            renderer=Renderer(INSTITUTE),
            settings=settings,
            clock=world.clock,
        )
        begun = time.perf_counter()
        sent = worker.deliver_due(limit=REMINDERS).sent
        ours = sent / (time.perf_counter() - begun)
        copies = [(r.recipients, r.content) for r in server.received]
        begun = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            for recipients, content in copies:
                client.sendmail("arrimage@example.org", recipients, content)
        bare = len(copies) / (time.perf_counter() - begun)
        unique = len({r.message["Message-ID"] for r in server.received})
        print(f"{sent} messages: ours {ours:.0f}/s (rendered, each outcome durable), "
              f"smtplib loop {bare:.0f}/s; {unique} different")  # fmt: skip


def _open(world: World) -> str:
    return world.engine.open("boucle", {"objet": "M", "courriel": "a@example.org"}, ADVISER).number


def _arm(world: World, each: int) -> None:
    """Give every case so many timers, all in the far future."""
    far = to_micros(world.clock.now() + timedelta(days=30_000))
    with world.database.write() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO timers (case_id, name, fire_at, status, occurrence) "
            f"SELECT cases.id, 'm' || n, {far} + n, 'pending', 1 FROM cases, {series(world, 0, each - 1)}"
        )


def _advance_all(world: World) -> None:
    with world.database.read() as connection:
        ids = list(connection.execute(select(cases.c.id)).scalars())
    for n, case_id in enumerate(ids):
        world.engine.advance(case_id, "avancer", {"montant": n + 1}, ADVISER)
