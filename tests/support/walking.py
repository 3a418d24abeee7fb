"""Somebody who goes a way exactly as it is shown, with the real engine, on copies of a world."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice, product, takewhile

from engine import outbox, register, returns
from engine.definition.walk import fields_read, through_checklists
from engine.errors import ArrimageError
from engine.scenario import model, moves
from engine.scenario.ending import _mended as mended
from engine.scenario.run import _undelivered as undelivered

GIVEN = model.Given.model_validate(
    {"now": "2026-11-16 10:00",
     "rosters": {"reseau": {"A": "a@example.org", "B": "b@example.org"}}}
)  # fmt: skip
_EVERYBODY = ("a@example.org", "b@example.org")


class Plainest:
    """Picks the plainest thing."""

    def pick(self, among):
        return among[0]


class Way:
    """One way, gone step by step; each try is made on a copy."""

    def __init__(self, stage, number, wanted):
        self.stage, self.number, self.wanted = stage, number, wanted

    def can_be_gone(self, world, way):
        """Tell whether the way leads to where the action is possible."""
        if not way:
            return self._arrives(world)
        step, rest = way[0], way[1:]
        if step.alone:
            return any(self.can_be_gone(w, rest) for w in self._waited(world, step))
        if step.child is not None:
            return any(self.can_be_gone(w, rest) for w in self._ended(world, step.child))
        then = {step.to, *(s.to for s in takewhile(lambda s: s.alone, rest))}
        refusals = ((), _EVERYBODY) if rest and rest[0].alone else ((),)
        return any(
            self.can_be_gone(w, rest)
            for w in self._done(world, step, refusals)
            if not rest or listed(w, self.number).state in then
        )

    # --- what is tried --------------------------------------------------------------------------

    def _arrives(self, world):
        case = listed(world, self.number)
        definition = self.stage.library.get(case.process, case.definition_version).definition
        action = definition.actions[self.wanted]
        if action.automatic is None:
            logins = moves.people(world)
            return any(
                not o.reasons
                for login in logins
                for o in world.engine.options(case.id, world.actor(login))
                if o.action.name == self.wanted
            )
        return any(self._took(w, self.wanted) for w in self._futures(world))

    def _waited(self, world, step):
        """Yield the worlds in which what happens by itself has happened."""
        for future in self._futures(world):
            if self._took(future, step.action):
                yield future

    def _futures(self, world):
        """Yield this world, then some that time and other servers may make of it."""
        yield world
        for way in (_settled, _confirmed, _returned, _later(3), _later(70)):
            with self.twin(world) as twin:
                way(twin)
                yield twin

    def _took(self, world, action):
        with world.database.read() as connection:
            events = register.events(connection, listed(world, self.number).id)
        return action in [e["action"] for e in events]

    def _done(self, world, step, refusals):
        case = listed(world, self.number)
        definition = self.stage.library.get(case.process, case.definition_version).definition
        action = definition.actions[step.action]
        for refuses, data in product(refusals, self._forms(world, action, step)):
            for login in moves.people(world):
                with self.twin(world) as twin:
                    twin.server.refuses = refuses
                    try:
                        outcome = twin.engine.advance(
                            case.id, step.action, data, twin.actor(login), note="Note"
                        )
                        if outcome.number != self.number:
                            continue
                    except ArrimageError:
                        continue
                    twin.settle()
                    yield twin
                    break

    def _forms(self, world, action, step):
        """Yield forms with what is always asked for and what the step says to give, nothing more."""
        definition = self.stage.definitions
        case = listed(world, self.number)
        compiled = definition[case.process]
        given = dict(step.gives)
        choices = []
        read = set() if step.when is None else _fields(compiled, step.when)
        for item in action.form:
            values = list(moves._values(compiled, item, world))
            if given.get(item.name) is not None:
                values = [given[item.name]]
            elif item.name in read:
                values = values[:6]
            elif item.always or item.name in given:
                values = values[:1]
            elif item.required is not None:
                values = [None, *values[:1]]
            else:
                continue
            choices.append([(item.name, v) for v in values])
        for chosen in islice(product(*choices), 40):
            yield {name: value for name, value in chosen if value is not None}

    def _ended(self, world, child):
        with world.database.read() as connection:
            mine = register.children(connection, listed(world, self.number).id)
        wanted = [c for c in mine if c.ended_at is None and c.process == child.process]
        for one in [c for c in wanted if child.number in {None, c.number}][:1]:
            definition = self.stage.library.get(one.process, one.definition_version).definition
            for by in child.by:
                data = moves.form(definition, definition.actions[by], world, Plainest())
                for login in moves.people(world):
                    with self.twin(world) as twin:
                        try:
                            twin.engine.advance(one.id, by, data, twin.actor(login), note="Note")
                        except ArrimageError:
                            continue
                        twin.settle()
                        yield twin
                        break

    @contextmanager
    def twin(self, world):
        with ExitStack() as stack:
            yield stack.enter_context(self.stage.twin(world))


def listed(world, number):
    with world.database.read() as connection:
        return register.listed(register.find(connection, number).row)


def _fields(definition, condition):
    return {n for p in through_checklists(definition.written, condition) for n in fields_read(p)}


def _settled(world):
    world.settle()


def _later(days):
    def wait(world):
        world.wait(world.clock.now() + timedelta(days=days))

    return wait


def _confirmed(world):
    mended(world)
    world.settle()


def _returned(world):
    with world.database.write() as connection:
        left = [d for d in outbox.list_deliveries(connection, limit=100) if d.state in outbox.DONE]
        for delivery in left[:1]:
            returns.record(connection, undelivered(delivery, world.clock.now()), world.clock.now())
    world.settle()
