"""One durable step, against the same rows written by the bare driver in the same run."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from benchmarks.world import both, machine, median, prepared, series
from engine.schema import cases
from tests.support.world import ADVISER, World

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 1500


def main() -> None:
    """Print a step of ours beside the bare driver's, on both databases."""
    print(machine())
    with both() as urls:
        for name, url in urls.items():
            world = prepared(url)
            case_id = opened(world)
            bare = BARE[name](url, case_id)
            # In turns, so that both meet the same noise.
            rounds = [
                (median(bare, STEPS // 5), median(stepper(world, case_id), STEPS // 5))
                for _ in range(5)
            ]
            ours = min(o for _, o in rounds)
            limit = min(b for b, _ in rounds)
            print(f"{name:<11} bare {limit:.3f} ms   ours {ours:.3f} ms   {ours / limit:.2f}x")
            world.database.close()


def opened(world: World) -> int:
    """Open a case and return its id."""
    form = {"objet": "Mesure", "courriel": "a@example.org"}
    return world.id(world.engine.open("boucle", form, ADVISER).number)


def stepper(world: World, case_id: int) -> Callable[[], object]:
    """Return a function that takes the next step of a case."""
    with world.database.read() as connection:
        state = connection.execute(cases.select().where(cases.c.id == case_id)).one().state
    actions = itertools.cycle(["avancer", "revenir"] if state == "a" else ["revenir", "avancer"])
    amounts = itertools.count(1)
    return lambda: world.engine.advance(case_id, next(actions), {"montant": next(amounts)}, ADVISER)


# --- the same rows by the bare drivers ----------------------------------------------------------

ROW = {
    "data": json.dumps({"objet": "Mesure", "courriel": "a@example.org", "montant": 1}),
    "body": json.dumps({"changes": {"montant": [1, 2]}, "armed": {"tb": "2026-11-19T15:00:00+00:00"},
                        "cancelled": ["ta"]}),
    "facts": "x" * 420,
    "hash": "0" * 64,
    "salt": "0" * 32,
}  # fmt: skip


def bare_sqlite(url: str, case_id: int) -> Callable[[], object]:
    """Return a step by sqlite3 alone: WAL, synchronous FULL, the same six statements."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("UPDATE timers SET status = 'cancelled'")
    bare_id = _copy(connection, case_id)
    number = itertools.count(1)

    def step() -> None:
        n = next(number)
        run = connection.execute
        run("BEGIN IMMEDIATE")
        row = run("SELECT * FROM cases WHERE id = ?", (bare_id,)).fetchone()
        run(
            "UPDATE cases SET version = ?, state = ?, entered_at = ?, due_at = ?, head = ?, data = ? "
            "WHERE id = ? AND version = ?",
            (row[10] + 1, "b" if n % 2 else "a", n, n, ROW["hash"], ROW["data"], bare_id, row[10]),
        )
        run(
            "INSERT INTO history (case_id, seq, at, actor, action, from_state, to_state, prev_hash, hash, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                bare_id,
                1_000_000 + n,
                n,
                "x",
                "avancer",
                "a",
                "b",
                ROW["hash"],
                ROW["hash"],
                ROW["body"],
            ),
        )
        run("UPDATE timers SET status = 'cancelled', settled_at = ? WHERE case_id = ? AND name = ? "
            "AND status = 'pending'", (n, bare_id, f"t{n - 1}"))  # fmt: skip
        run("INSERT INTO timers (case_id, name, fire_at, status, occurrence) VALUES (?, ?, ?, 'pending', 1)",
            (bare_id, f"t{n}", n))  # fmt: skip
        outbox = run(
            "INSERT INTO outbox (case_id, seq, name, template, queued_at, not_before, batch, personal, facts) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)", (bare_id, n, "avis", "reminder", n, n, ROW["facts"]),
        ).lastrowid  # fmt: skip
        run(
            "INSERT INTO deliveries (outbox_id, recipient, name, addresses, languages, newcomer, message_id, salt, "
            "position, state, next_attempt_at) VALUES (?, 'address:a', '', '[]', 'fr', 0, ?, ?, 0, 'queued', ?)",
            (outbox, f"<bare.{bare_id}.{n}.{time.monotonic_ns()}@x>", ROW["salt"], n),
        )
        run("COMMIT")

    return step


def _copy(connection: Any, case_id: int) -> int:
    columns = [
        r[1] for r in connection.execute("PRAGMA table_info(cases)") if r[1] not in {"id", "number"}
    ]
    names = ", ".join(columns)
    return connection.execute(
        f"INSERT INTO cases (number, {names}) SELECT 'BARE-' || abs(random()), {names} FROM cases WHERE id = ?",
        (case_id,),
    ).lastrowid


def bare_postgresql(url: str, case_id: int) -> Callable[[], object]:
    """Return a step by psycopg alone: one SELECT, then one prepared autocommitted statement."""
    import psycopg

    connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
    columns = [
        r[0]
        for r in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'cases'"
        )
        if r[0] not in {"id", "number"}
    ]
    names = ", ".join(columns)
    bare_id = connection.execute(
        f"INSERT INTO cases (number, {names}) SELECT 'BARE-' || random()::text, {names} "
        "FROM cases WHERE id = %s RETURNING id", (case_id,)
    ).fetchone()[0]  # fmt: skip
    statement = """
        WITH moved AS (
            UPDATE cases SET version = %(v)s + 1, state = %(state)s, entered_at = %(n)s, due_at = %(n)s, head = %(hash)s,
                   data = %(data)s WHERE id = %(id)s AND version = %(v)s RETURNING id),
        event AS (INSERT INTO history (case_id, seq, at, actor, action, from_state, to_state, prev_hash,
                  hash, body) SELECT id, 1000000 + %(n)s, %(n)s, 'x', 'avancer', 'a', 'b', %(hash)s, %(hash)s,
                  %(body)s FROM moved),
        cancel AS (UPDATE timers SET status = 'cancelled', settled_at = %(n)s FROM moved
                   WHERE case_id = moved.id AND name = %(old)s AND status = 'pending'),
        arm AS (INSERT INTO timers (case_id, name, fire_at, status, occurrence)
                SELECT id, %(new)s, %(n)s, 'pending', 1 FROM moved),
        queue AS (INSERT INTO outbox (case_id, seq, name, template, queued_at, not_before, batch, personal, facts)
                  SELECT id, %(n)s, 'avis', 'reminder', %(n)s, %(n)s, 0, 0, %(facts)s FROM moved RETURNING id),
        recipient AS (INSERT INTO deliveries (outbox_id, recipient, name, addresses, languages, newcomer,
                      message_id, salt, position, state, next_attempt_at)
                      SELECT id, 'address:a', '', '[]', 'fr', 0, %(message)s, %(salt)s, 0, 'queued', %(n)s
                      FROM queue)
        SELECT count(*) FROM moved"""
    number = itertools.count(1)

    def step() -> None:
        n = next(number)
        row = connection.execute(
            "SELECT * FROM cases WHERE id = %s", (bare_id,), prepare=True
        ).fetchone()
        connection.execute(
            statement,
            {**ROW, "id": bare_id, "n": n, "v": row[10], "state": "b" if n % 2 else "a",
             "old": f"t{n - 1}", "new": f"t{n}", "message": f"<bare.{bare_id}.{n}@x>"},
            prepare=True,
        ).fetchone()  # fmt: skip

    return step


BARE = {"sqlite": bare_sqlite, "postgresql": bare_postgresql}


# --- several processes, many cases --------------------------------------------------------------


def _run_for(url: str, seconds: float, done: Any) -> None:
    world = World(url)
    step = stepper(world, opened(world))
    for _ in range(20):
        step()
    end, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        step()
        count += 1
    done.put(count)
    world.database.close()


def processes() -> None:
    """Print steps a second with 1, 2 and 4 processes, each on its own case."""
    print(machine())
    context = multiprocessing.get_context("spawn")
    with both() as urls:
        for name, url in urls.items():
            prepared(url).database.close()
            for count in (1, 2, 4):
                done = context.Queue()
                running = [
                    context.Process(target=_run_for, args=(url, 5, done)) for _ in range(count)
                ]
                for one in running:
                    one.start()
                total = sum(done.get() for _ in running)
                for one in running:
                    one.join()
                print(f"{name:<11} {count} processes: {total / 5:.0f} steps/s")


def growth() -> None:
    """Print the latency of a step with 1k, 10k and 100k open cases."""
    print(machine())
    with both() as urls:
        for name, url in urls.items():
            world = prepared(url)
            case_id, made = opened(world), 1
            for size in (1_000, 10_000, 100_000):
                fill(world, case_id, size - made)
                made = size
                print(
                    f"{name:<11} {size:>7} open cases: {median(stepper(world, case_id), 400):.3f} ms"
                )
            world.database.close()


def fill(world: World, case_id: int, count: int) -> None:
    """Copy an open case so many times, with a due date each."""
    names = ", ".join(c.name for c in cases.c if c.name not in {"id", "number", "due_at", "title"})
    with world.database.write() as connection:
        start = connection.exec_driver_sql("SELECT max(id) FROM cases").scalar_one()
        connection.exec_driver_sql(
            f"INSERT INTO cases (number, title, due_at, {names}) "
            f"SELECT 'F-' || ({start} + n), 'Dossier ' || n, due_at + n * CAST(60000000 AS BIGINT), {names} "
            f"FROM cases, {series(world, 1, count)} WHERE id = {case_id}"
        )
