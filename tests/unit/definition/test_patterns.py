"""The control-flow patterns of van der Aalst et al. (2003), each checked and run, or said not to be offered.

`docs/definition-patterns.md` tells them; the definitions are beside this file.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from engine.actor import Actor
from engine.calendar import Calendar
from engine.definition import family
from engine.definition.compiler import examine
from engine.errors import Refused
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.commands import ROOT
from tests.support.world import World

FOLDER = ROOT / "tests" / "unit" / "definition" / "patterns"
PAGE = (ROOT / "docs" / "definition-patterns.md").read_text(encoding="utf-8")
AGENT = Actor(login="agent", roles=frozenset({"agent"}))
PATTERNS = sorted(p for p in FOLDER.glob("p*.yaml"))
RENDERER = Renderer(Institute(name="Institut", address="", email="info@example.org"))


def examined(path):
    text = path.read_text(encoding="utf-8")
    return examine(text, path=path.name, calendar=Calendar(), templates=RENDERER)


TASK = examined(FOLDER / "tache.yaml")


@pytest.mark.parametrize("path", [*PATTERNS, FOLDER / "tache.yaml"], ids=lambda p: p.stem)
def test_each_pattern_is_sound(path):
    given = family.Given([TASK], lambda _: None)
    assert family.together(examined(path), given.process) == ()


@pytest.fixture
def world(tmp_path):
    world = World(f"sqlite:///{tmp_path / 'motifs.db'}")
    yield world
    world.database.close()


class Case:
    """A case of one pattern, and the child cases that its actions open."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.children = []

    def do(self, action, **data):
        note = data.pop("note", "")
        done = self.world.engine.advance(self.world.id(self.number), action, data, AGENT, note=note)
        self.children += done.children
        return self

    def child(self, at, action):
        self.world.engine.advance(self.world.id(self.children[at]), action, {}, AGENT)
        return self

    def refuses(self, action):
        with pytest.raises(Refused):
            self.do(action)
        return self

    @property
    def state(self):
        return self.world.case(self.number).row.state


@pytest.fixture
def begin(world):
    def begin(stem):
        paths = [FOLDER / f"{stem}.yaml", FOLDER / "tache.yaml"]
        world.install(*paths)
        key = re.search(
            r"^process: (\w+)$", paths[0].read_text(encoding="utf-8"), flags=re.MULTILINE
        )[1]
        return Case(world, world.engine.open(key, {"objet": "Essai"}, AGENT).number)

    return begin


def test_01_sequence(begin):
    assert begin("p01_sequence").refuses("finir").do("avancer").do("finir").state == "fini"


def test_02_parallel_split(begin):
    case = begin("p02_parallel_split").do("partager", parts="nord,sud,est")
    assert len(case.children) == 3
    assert case.state == "partage"


def test_03_synchronization(begin):
    case = begin("p03_synchronization").do("partager", parts="nord,sud")
    assert case.child(0, "faire").state == "attente"
    assert case.child(1, "faire").state == "fini"


def test_04_exclusive_choice(begin):
    assert begin("p04_exclusive_choice").do("decider", montant="100").state == "grand"
    assert begin("p04_exclusive_choice").do("decider", montant="99").state == "petit"


def test_05_simple_merge(begin):
    assert begin("p05_simple_merge").do("aller_gauche").do("finir").state == "fini"
    assert begin("p05_simple_merge").do("aller_droite").do("finir").state == "fini"


def test_06_multi_choice(begin):
    assert len(begin("p06_multi_choice").do("partager", parts="nord,est").children) == 2


def test_07_synchronizing_merge(begin):
    case = begin("p07_synchronizing_merge").do("partager", parts="sud")
    assert case.child(0, "faire").state == "fini"
    case = begin("p07_synchronizing_merge").do("partager", parts="nord,sud,est")
    assert case.child(0, "faire").child(2, "faire").state == "attente"
    assert case.child(1, "faire").state == "fini"


def test_08_multi_merge_is_in_each_child(begin, world):
    case = begin("p08_multi_merge").do("partager", parts="nord,sud")
    # What follows is done once for each part, as each comes, in its own case.
    case.child(0, "remettre").child(0, "suivre").child(1, "remettre")
    assert case.state == "attente"
    assert case.child(1, "suivre").state == "fini"


def test_09_discriminator(begin, world):
    case = begin("p09_discriminator").do("partager", parts="nord,sud,est")
    assert case.child(1, "annuler").state == "attente"
    assert case.child(2, "faire").state == "fini"
    assert case.child(0, "faire").state == "fini"


def test_10_arbitrary_cycles(begin):
    case = begin("p10_arbitrary_cycles").do("avancer").do("reprendre").do("avancer").do("continuer")
    assert case.do("revenir").do("continuer").do("recommencer").state == "premier"
    assert case.do("avancer").do("continuer").do("finir").state == "fini"


def test_12_instances_without_synchronization(begin):
    case = begin("p12_instances_without_synchronization").do("lancer").do("lancer").do("finir")
    assert case.state == "fini"
    assert [case.world.case(c).row.ended_at for c in case.children] == [None, None]


def test_13_instances_known_at_design(begin):
    case = begin("p13_instances_known_at_design").do("demander").child(0, "faire")
    assert case.state == "attente"
    case.do("demander").do("demander").child(1, "faire")
    assert case.state == "attente"
    assert case.child(2, "faire").state == "fini"


def test_14_instances_known_at_run_time(begin):
    case = begin("p14_instances_known_at_run_time").do("partager", parts="nord,sud,est")
    assert len(case.children) == 3
    assert case.child(0, "faire").child(1, "faire").child(2, "faire").state == "fini"


def test_15_instances_not_known_before(begin):
    case = begin("p15_instances_not_known_before").refuses("finir").do("ajouter").do("ajouter")
    case.child(0, "faire").refuses("finir").do("ajouter").child(1, "faire").refuses("finir")
    assert case.child(2, "faire").do("finir").state == "fini"


def test_16_deferred_choice(begin, world):
    assert begin("p16_deferred_choice").do("repondre").state == "repondu"
    late = begin("p16_deferred_choice")
    world.clock.set(world.clock.now() + timedelta(days=6))
    world.tick()
    assert late.state == "expire"
    late.refuses("repondre")


def test_17_interleaved_routing(begin):
    case = begin("p17_interleaved_routing").do("photographier", photo="1.png")
    assert case.state == "terrain"
    assert case.do("mesurer", mesure="12 m").state == "fini"
    case = begin("p17_interleaved_routing").do("mesurer", mesure="12 m")
    assert case.do("photographier", photo="1.png").state == "fini"


def test_18_milestone(begin):
    case = (
        begin("p18_milestone").refuses("livrer").do("modifier", note="rue voisine").do("expedier")
    )
    with pytest.raises(Refused):
        case.do("modifier", note="trop tard")
    assert case.do("livrer").state == "livre"


def test_19_cancel_activity(begin):
    case = begin("p19_cancel_activity").do("partager", parts="nord,sud").child(0, "annuler")
    assert case.state == "attente"
    assert case.child(1, "faire").state == "fini"


def test_20_cancel_case(begin, world):
    case = begin("p20_cancel_case").do("avancer").do("annuler", note="plus besoin")
    assert case.state == "annule"
    world.clock.set(world.clock.now() + timedelta(days=10))
    assert world.tick().fired == 0


def test_every_pattern_is_on_the_page_with_its_definition_or_why_there_is_none():
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", PAGE, flags=re.MULTILINE)
    assert [int(n) for n, _ in rows] == list(range(1, 21))
    linked = {int(n): re.search(r"patterns/(p\d\d_\w+\.yaml)", text) for n, text in rows}
    assert {m[1] for m in linked.values() if m} == {p.name for p in PATTERNS}
    assert all(int(m[1][1:3]) == n for n, m in linked.items() if m)
    assert [n for n, m in linked.items() if not m] == [11]
