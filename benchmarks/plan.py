"""The plan's figures: five years simulated, a pass over many timers, many reminders at one instant."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from benchmarks.diffusion import SMTPLIB
from benchmarks.sink import Sink, sink
from benchmarks.step import fill
from benchmarks.world import both, folder, machine, median, prepared, series
from engine import lease
from engine.schema import cases, deliveries, to_micros
from engine.timers import tick
from notifications.contents import Contents
from notifications.message import build
from notifications.rendering import Renderer
from notifications.settings import Institute, MailSettings
from notifications.worker import AT_ONCE, Worker
from tests.support.commands import workspace
from tests.support.postfix import Postfix
from tests.support.world import ADVISER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.world import World

PENDING = 1_000_000
REMINDERS = 10_000
REMINDERS_POSTFIX = 2_000
#: How many times each has its turn, more or less.
TURNS = 5
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
    """Print the messages a second of as many reminders, beside bare smtplib sending the same bytes.

    On a server that writes nothing down, then on a real Postfix; in turns with smtplib (a loop with a
    connection each, as scripts do, and one connection kept, as web frameworks do), so that a machine whose
    speed changes changes all three.
    """
    print(machine())
    _letters("a server that writes nothing", sink, REMINDERS)
    _letters("Postfix", Postfix, REMINDERS_POSTFIX)


def _letters(name: str, server: Callable[[], AbstractContextManager[Any]], count: int) -> None:
    with folder() as made:
        world = prepared(f"sqlite:///{made / 'bench.db'}")
        for n in range(count):
            world.engine.open(
                "boucle", {"objet": f"Mesure {n}", "courriel": f"a{n}@example.org"}, ADVISER
            )
        _advance_all(world)
        rates: dict[str, list[float]] = {name: [] for name in ("ours", *SMTPLIB)}
        done = 0
        with server() as first, server() as second:
            worker = _worker(world, first.port)
            while done < count:
                begun = time.perf_counter()
                sent = worker.deliver_due(limit=count // TURNS).sent
                rates["ours"].append(sent / (time.perf_counter() - begun))
                copies = list(_same_bytes(world, worker.settings, done, sent))
                done += sent
                for other, send in SMTPLIB.items():
                    begun = time.perf_counter()
                    send(second.port, copies)
                    rates[other].append(sent / (time.perf_counter() - begun))
            different = _different(world)
        world.database.close()
    got = first.names if isinstance(first, Sink) else []
    seen = f"; it accepted {len(got)}, {len(set(got))} different" if got else ""
    print(
        f"{name}: {done} messages, rendered, each outcome durable, {different} different replies{seen}"
    )
    for who, seen_rates in rates.items():
        print(f"  {who:<28} {statistics.median(seen_rates):.0f}/s, "
              f"in turns {[round(r) for r in seen_rates]}")  # fmt: skip


def _worker(world: World, port: int) -> Worker:
    return Worker(
        database=world.database,
        renderer=Renderer(INSTITUTE),
        settings=MailSettings(host="127.0.0.1", port=port, security="none", institute=INSTITUTE),
        clock=world.clock,
    )


def _different(world: World) -> int:
    """Return how many different replies there were: a real server names each message it takes."""
    with world.database.read() as connection:
        replies = connection.execute(
            select(deliveries.c.reply).where(deliveries.c.state == "accepted")
        )
        return len(set(replies.scalars()))


def _same_bytes(
    world: World, settings: MailSettings, done: int, count: int
) -> Iterator[tuple[str, bytes]]:
    """Yield the recipient and the bytes of messages that have left, made again from what was frozen."""
    with world.database.read() as connection:
        gone = connection.execute(
            select(deliveries.c.outbox_id)
            .where(deliveries.c.state == "accepted")
            .order_by(deliveries.c.id)
            .offset(done)
            .limit(count)
        ).scalars()
        messages = [lease.look(connection, i) for i in gone.all()]
    for at in range(0, len(messages), AT_ONCE):
        some = messages[at : at + AT_ONCE]
        contents = Contents(world.database, Renderer(INSTITUTE), some)
        for leased in some:
            for delivery in leased.deliveries:
                content = contents.of(leased, delivery)
                assert content is not None
                (address,) = delivery.addresses
                yield address, build(leased, [delivery], content, settings)


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
