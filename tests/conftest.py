"""Fixtures: both databases, a mail server, a small institute, the real command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support.commands import Inbox, moved, workspace
from tests.support.databases import Postgres, Sqlite, running_postgres
from tests.support.mail import MailServer
from tests.support.world import EXAMPLES, WORKFLOWS, Models, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A busy machine is slow, not wrong: speed is measured in `benchmarks/`.
hypothesis.settings.register_profile("arrimage", deadline=None)
hypothesis.settings.load_profile("arrimage")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Sqlite | Postgres:
    """One database after the other: what is asked for is tried on both."""
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    return request.getfixturevalue("postgres")


@pytest.fixture
def database_url(databases: Sqlite | Postgres) -> str:
    return databases.new()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(Sqlite(tmp_path_factory.mktemp("modeles")))


@pytest.fixture
def institute(databases: Sqlite | Postgres, models: Models) -> Iterator[Callable[..., World]]:
    """Makes an institute that runs the processes of the files it is given."""
    worlds: list[World] = []

    def made(*paths: Path) -> World:
        worlds.append(World(models.copied(databases, paths)))
        return worlds[-1]

    yield made
    for world in worlds:
        world.database.close()


@pytest.fixture
def empty(institute: Callable[..., World]) -> World:
    return institute()


@pytest.fixture
def orders(institute: Callable[..., World]) -> World:
    """An institute that runs the tests' own processes, and no other."""
    return institute(EXAMPLES / "commande.yaml", EXAMPLES / "lot.yaml").people()


@pytest.fixture
def requests(institute: Callable[..., World]) -> World:
    """An institute that runs the shipped processes, with three establishments."""
    return institute(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml").people().network(3)


@pytest.fixture
def planned(institute: Callable[..., World]) -> World:
    """An institute that follows its strategic plan, on the first morning of it."""
    world = institute(WORKFLOWS / "cycle.yaml", WORKFLOWS / "plan.yaml")
    world.clock.set(datetime(2011, 4, 1, 13, 0, tzinfo=UTC))
    return world.people()


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
