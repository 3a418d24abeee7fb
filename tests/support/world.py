"""A small institute for tests: an engine on a database, a clock in the hand, people, definitions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import migrations, register, roster, staff
from engine.actor import Actor
from engine.calendar import Calendar
from engine.cases import Engine
from engine.clock import ManualClock
from engine.database import Database
from engine.library import Library, Source
from engine.timers import Ticked, tick
from tests.support.databases import Sqlite

if TYPE_CHECKING:
    from engine.outcome import Outcome
    from tests.support.databases import Postgres

EXAMPLES = Path(__file__).parents[1] / "unit" / "definition" / "examples"
WORKFLOWS = Path(__file__).parents[2] / "workflows"
MONDAY = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)  # 10 h in Québec

BUYER = Actor(login="ann", roles=frozenset({"acheteur"}))
HEAD = Actor(login="chef", roles=frozenset({"chef"}))
ADVISER = Actor(login="conseillere", roles=frozenset({"conseiller"}))
OTHER = Actor(login="conseiller2", roles=frozenset({"conseiller"}))
DIRECTOR = Actor(login="directrice", roles=frozenset({"direction"}))


def sources(*paths: Path) -> list[Source]:
    return [Source(text=p.read_text(encoding="utf-8"), origin=p.name) for p in paths]


class World:
    """An institute on a database."""

    def __init__(self, url: str, at: datetime = MONDAY) -> None:
        self.url = url
        self.clock = ManualClock(at)
        self.calendar = Calendar()
        self.database = Database.open(url)
        self.database.create()
        migrations.upgrade(self.database)
        self.library = Library(self.database, self.calendar)
        self.engine = Engine(
            self.database, self.library, self.calendar, self.clock, domain="example.org"
        )

    def install(self, *paths: Path) -> list[str]:
        return self.library.install(sources(*paths), actor="system", at=self.clock.now())

    def people(self) -> World:
        with self.database.write() as connection:
            for actor in (BUYER, HEAD, ADVISER, OTHER, DIRECTOR):
                person = staff.Person(
                    login=actor.login,
                    name=actor.login.title(),
                    email=f"{actor.login}@example.org",
                    roles=actor.roles,
                )
                staff.add(connection, person, actor="system", at=self.clock.now())
        return self

    def network_more(self, count: int) -> World:
        return self.network(count, first=50)

    def network(self, count: int, first: int = 0) -> World:
        with self.database.write() as connection:
            for n in range(first, first + count):
                roster.add(
                    connection,
                    "reseau",
                    roster.NewMember(
                        name=f"Établissement {n:02d}",
                        category="FP",
                        contacts=(roster.Contact(email=f"e{n:02d}@example.org"),),
                    ),
                    joined_on=self.calendar.today(self.clock.now()),
                    actor="system",
                    at=self.clock.now(),
                )
        return self

    def id(self, reference: str) -> int:
        with self.database.read() as connection:
            return register.find(connection, reference).id

    def case(self, reference: str) -> register.Found:
        with self.database.read() as connection:
            return register.find(connection, reference)

    def events(self, reference: str) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return register.events(connection, self.id(reference))

    def do(self, number: str, action: str, actor: Actor = ADVISER, **data: Any) -> Outcome:
        note = data.pop("note", "")
        fields = {k.replace("__", "."): v for k, v in data.items()}
        return self.engine.advance(self.id(number), action, fields, actor, note=note)

    def tick(self) -> Ticked:
        return tick(self.engine)


class Models:
    """Databases whose processes were proved and installed once, copied for each test."""

    def __init__(self, files: Sqlite) -> None:
        """Take where those of SQLite are kept, longer than a test."""
        self._files = files
        self._made: dict[tuple[type, tuple[Path, ...]], str] = {}

    def copied(self, server: Sqlite | Postgres, paths: tuple[Path, ...]) -> str:
        """Return the URL of a fresh database in which the processes of these files are installed."""
        key = (type(server), paths)
        if key not in self._made:
            self._made[key] = self._model(server, paths)
        return server.new(self._made[key])

    def _model(self, server: Sqlite | Postgres, paths: tuple[Path, ...]) -> str:
        kept = self._files if isinstance(server, Sqlite) else server
        world = World(kept.new())
        if paths:
            world.install(*paths)
        world.database.close()
        return world.url


def order(world: World, **data: Any) -> str:
    """Open an equipment order, the second process of the tests."""
    form = {"objet": "Pompes", "urgence": "haute", "fournisseur": "f@example.org", **data}
    return world.engine.open("commande", form, BUYER).number


def ready_to_diffuse(world: World, **data: Any) -> str:
    """Take a request all the way to where it can be diffused."""
    form = {"organisation": "Office minier", "sujet": "Formation", "pays": "Maroc", **data}
    number = world.engine.open("demande", form, ADVISER).number
    world.engine.take(world.id(number), ADVISER)
    world.do(number, "rechercher", recherches__source="Web", recherches__rien_trouve="oui")
    world.do(number, "orienter", orientation="aucune", orientation_motif="Tout y est")
    precise(world, number)
    world.do(number, "conclure_precision")
    world.do(number, "categoriser", categorie="court_terme", categorie_motif="Moins d'un an")
    world.do(number, "preparer_fiche", fiche_titre="Une occasion", fiche_besoins="Former")
    return number


def precise(world: World, number: str) -> None:
    world.do(
        number,
        "preciser",
        besoins="Former",
        attentes={"missing": "pas de réponse"},
        entente="Services",
        ressources="Budget",
        echeancier="Automne",
    )
