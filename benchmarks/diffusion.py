"""The window of a diffusion on a real Postfix, beside how the same mail is usually sent.

Ours is from the first end of a message to the last acceptance; for the others, who know of a refusal
only half-way, from the first acceptance to the last. Instants are the kernel's, as the segments passed.
"""

from __future__ import annotations

import asyncio
import smtplib
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import aiosmtplib
from sqlalchemy import String, cast

from benchmarks.world import folder, machine
from engine import lease
from engine.schema import deliveries, outbox
from notifications.contents import Contents
from notifications.rendering import Renderer
from notifications.settings import Institute, MailSettings
from notifications.worker import Worker
from tests.support.postfix import Postfix
from tests.support.wire import Wire
from tests.support.world import ADVISER, WORKFLOWS, World, ready_to_diffuse

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (29, 60, 200, 1000)
POOL = 10
SENDER = "arrimage@example.org"
INSTITUTE = Institute(name="Institut", address="Val-d'Or", email="info@example.org")
#: A relay that lets a client hold as many as the largest personal batch here.
ROOM = {"smtpd_client_connection_count_limit": 0, "default_process_limit": 300,
        "smtpd_recipient_limit": 1000}  # fmt: skip

Copies = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds: the window, and all of it from the first connection on."""

    window: float
    total: float
    acceptances: int


def main() -> None:
    """Print the windows."""
    print(machine())
    for size in SIZES:
        for personal in (False, True):
            _compare(size, personal=personal)


def _compare(size: int, *, personal: bool) -> None:
    kind = "personal" if personal else "identical"
    with folder() as made, Postfix(**ROOM) as server:
        ours, copies = _ours(server.port, f"sqlite:///{made / 'bench.db'}", size, personal=personal)
        _print(size, kind, "two phases", ours)
        for name, send in OTHERS.items():
            _print(size, kind, name, _measured(server.port, send, copies))


def _print(size: int, kind: str, name: str, m: Measured) -> None:
    print(f"{size:>5} {kind:<9} {name:<28} window {m.window:9.1f} ms, {m.acceptances:>4} acceptances, "
          f"all of it {m.total:9.1f} ms", flush=True)  # fmt: skip


def _ours(port: int, url: str, size: int, *, personal: bool) -> tuple[Measured, Copies]:
    """Return our figures, and the bytes that everybody was sent."""
    world = World(url)
    world.install(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml")
    world.people().network(size)
    number = ready_to_diffuse(world)
    settings = MailSettings(
        host="127.0.0.1", port=port, security="none", institute=INSTITUTE, held=200
    )
    worker = Worker(
        database=world.database, renderer=Renderer(INSTITUTE), settings=settings, clock=world.clock
    )
    worker.deliver_due()  # the letters that the way there has queued
    # As in a service that has been running: the templates have been compiled.
    coming = lease.foreseen(*world.engine.foresee(world.id(number), "diffusion", ADVISER))
    Contents(world.database, worker.renderer, [coming]).render()
    world.do(number, "diffuser")
    if personal:
        with world.database.write() as connection:
            connection.execute(outbox.update().values(personal=1))
            own = "<" + cast(deliveries.c.id, String) + "@example.org>"
            connection.execute(deliveries.update().values(message_id=own))
    with Wire(port) as wire:
        begun = time.perf_counter()
        report = worker.deliver_due(limit=10 * size)
        total = (time.perf_counter() - begun) * 1000
    assert report.sent == size, report
    seen = wire.acceptances()
    window = (seen[-1].at - wire.dots()[0].at) / 1e6
    between = (seen[-1].at - seen[0].at) / 1e6
    print(f"{'':>5} {'':<9} first acceptance to last: {between:.1f} ms")
    copies = [(f"a{n}@example.org", _letter(n, personal=personal)) for n in range(size)]
    world.database.close()
    return Measured(window, total, len(seen)), copies


def _letter(n: int, *, personal: bool) -> bytes:
    """Return a message of the same size as ours."""
    name = n if personal else 0
    head = f"From: {SENDER}\r\nTo: a@example.org\r\nSubject: Essai\r\nMessage-ID: <{name}@example.org>\r\n\r\n"
    return (head + ("x" * 76 + "\r\n") * 70).encode()


def _measured(port: int, send: Callable[[int, Copies], None], copies: Copies) -> Measured:
    with Wire(port) as wire:
        begun = time.perf_counter()
        send(port, copies)
        total = (time.perf_counter() - begun) * 1000
    seen = wire.acceptances()
    assert len(seen) == len(copies)
    assert all(a.at <= b.at for a, b in pairwise(seen))
    return Measured((seen[-1].at - seen[0].at) / 1e6, total, len(seen))


def _loop(port: int, copies: Copies) -> None:
    """As scripts do: a connection for each."""
    for address, body in copies:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail(SENDER, [address], body)


def _one_connection(port: int, copies: Copies) -> None:
    """As web frameworks do: one connection, one message after the other."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        for address, body in copies:
            client.sendmail(SENDER, [address], body)


def _pool(port: int, copies: Copies) -> None:
    """Ten connections side by side."""

    async def carry(left: Copies) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            while left:
                address, body = left.pop()
                await client.sendmail(SENDER, [address], body)

    async def all_of_them() -> None:
        left = list(copies)
        await asyncio.gather(*(carry(left) for _ in range(POOL)))

    asyncio.run(all_of_them())


SMTPLIB: dict[str, Callable[[int, Copies], None]] = {
    "smtplib, a connection each": _loop,
    "smtplib, one connection": _one_connection,
}
OTHERS = SMTPLIB | {"aiosmtplib, a pool of 10": _pool}
