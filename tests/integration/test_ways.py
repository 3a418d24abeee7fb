"""The way that is shown to an action can be gone, and leads there: gone with the real engine, step by step."""

from __future__ import annotations

from random import Random

import pytest
import yaml

from engine.errors import ArrimageError
from engine.scenario import moves
from inbox import scenarios
from tests.support.commands import ROOT
from tests.support.walking import GIVEN, Plainest, Way, listed

PATTERNS = ROOT / "tests" / "unit" / "definition" / "patterns"
WORKFLOWS = ROOT / "workflows"
SHIPPED = {
    "demande": ["terminer_rencontres", "decider", "diffuser"],
    "cycle": ["corriger", "effacer_atteint_le", "valider", "adopter", "verrouiller", "rouvrir"],
    "plan": None,
    "rencontre": None,
}


def stage_of(*files):
    script = scenarios.Script(path="essai.yaml", source=None, file=None, definitions=files)
    return scenarios.stage_of(script)


def opened(stage, world, process):
    definition = stage.definitions[process]
    login = next(
        who for who in moves.people(world) if definition.opening.roles & world.actor(who).roles
    )
    form = moves.form(definition, definition.opening, world, Plainest())
    number = world.engine.open(process, form, world.actor(login)).number
    world.settle()
    return number


def wander(stage, world, number, random, steps):
    """Take some steps at random, whatever they are."""
    for _ in range(steps):
        case = listed(world, number)
        definition = stage.library.get(case.process, case.definition_version).definition
        login = random.choice(moves.people(world))
        options = world.engine.options(case.id, world.actor(login))
        able = [o.action for o in options if not o.reasons]
        picker = type("Any", (), {"pick": staticmethod(random.choice)})()
        if able:
            action = random.choice(able)
            data = moves.form(definition, action, world, picker)
            try:
                world.engine.advance(case.id, action.name, data, world.actor(login), note="Note")
                world.settle()
            except ArrimageError:
                continue


def gone(stage, world, number, only=None):
    """Return the actions to which the way that is shown leads, and those to which it does not."""
    case = listed(world, number)
    definition = stage.library.get(case.process, case.definition_version).definition
    with world.engine.looking_at(case.id) as outlook:
        ways = {name: outlook.ways.to(name) for name in only or definition.actions}
    led = {
        name: Way(stage, number, name).can_be_gone(world, way) for name, way in ways.items() if way
    }
    return [n for n, ok in led.items() if ok], [n for n, ok in led.items() if not ok]


@pytest.mark.parametrize("process", SHIPPED)
def test_each_way_of_a_shipped_process_leads_where_it_says(process):
    files = [WORKFLOWS / f"{process}.yaml"]
    files += [WORKFLOWS / "rencontre.yaml"] if process == "demande" else []
    with stage_of(*files) as stage, stage.world(GIVEN) as world:
        number = opened(stage, world, process)
        led, astray = gone(stage, world, number, SHIPPED[process])
    assert astray == []
    assert led or process in {"plan", "rencontre"}


@pytest.mark.parametrize("path", sorted(PATTERNS.glob("p*.yaml")), ids=lambda p: p.stem)
def test_each_way_of_a_pattern_leads_where_it_says_from_wherever_a_case_is(path):
    process = yaml.safe_load(path.read_text(encoding="utf-8"))["process"]
    with stage_of(path, PATTERNS / "tache.yaml") as stage:
        for seed in (0, 2, 3):
            with stage.world(GIVEN) as world:
                number = opened(stage, world, process)
                wander(stage, world, number, Random(seed), seed)
                assert gone(stage, world, number)[1] == []
