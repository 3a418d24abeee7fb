"""Fixtures: both databases, a mail server, a small institute, the real command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support.commands import Inbox, moved, workspace
from tests.support.databases import Postgres, running_postgres
from tests.support.mail import MailServer
from tests.support.world import EXAMPLES, WORKFLOWS, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A busy machine is slow, not wrong: speed is measured in `benchmarks/`.
hypothesis.settings.register_profile("arrimage", deadline=None)
hypothesis.settings.load_profile("arrimage")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'arrimage.db'}"
    return request.getfixturevalue("postgres").new()


@pytest.fixture
def empty(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.database.close()


@pytest.fixture
def orders(empty: World) -> World:
    """An institute that runs the tests' own processes, and no other."""
    empty.install(EXAMPLES / "commande.yaml", EXAMPLES / "lot.yaml")
    return empty.people()


@pytest.fixture
def requests(empty: World) -> World:
    """An institute that runs the shipped processes, with three establishments."""
    empty.install(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml")
    return empty.people().network(3)


@pytest.fixture
def planned(empty: World) -> World:
    """An institute that follows its strategic plan, on the first morning of it."""
    empty.install(WORKFLOWS / "cycle.yaml", WORKFLOWS / "plan.yaml")
    empty.clock.set(datetime(2011, 4, 1, 13, 0, tzinfo=UTC))
    return empty.people()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Inbox:
    return workspace(tmp_path_factory.mktemp("modele"), 2525)


@pytest.fixture
def inbox(tmp_path: Path, mail: MailServer, made_once: Inbox) -> Inbox:
    """A workspace of one's own, copied from one that was made by the real command."""
    return moved(made_once, tmp_path / "espace", mail.port)
