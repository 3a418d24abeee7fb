"""The only place that touches `transitions`: one flat machine per definition version.

The machine is shared by every case and every thread: it holds no model. A step hands it a `Token`
that carries the state and the facts; conditions are the compiled branches, and no callback writes
anything. What the compiler proved (every target exists, exactly one branch is taken) the machine
then enforces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transitions import Machine, MachineError

from engine.errors import ArrimageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definition.compiled import CompiledDefinition, Facts, Predicate


class Impossible(ArrimageError):
    """The machine has no way from this state by this action."""


class Token:
    """What the machine moves: a state, and the facts that conditions judge."""

    __slots__ = ("facts", "state")

    def __init__(self, state: str, facts: Facts) -> None:
        """Take the state a case is in and its facts."""
        self.state = state
        self.facts = facts


class StateMachine:
    """A definition's machine. `move` is pure: it returns the next state and changes nothing."""

    def __init__(self, definition: CompiledDefinition) -> None:
        """Build the machine of a compiled definition, once per version."""
        self._machine = Machine(
            model=None,
            states=list(definition.states),
            initial=definition.opening.branches[0].state,
            transitions=_transitions(definition),
            auto_transitions=False,
            send_event=True,
            queued=False,
        )

    def move(self, state: str, action: str, facts: Facts) -> str:
        """Return the state that `action` leads to from `state`.

        Raises:
            Impossible: There is no such transition, or no branch holds. The judge refuses these
                first, so this is a fault of ours and nothing has been written.
        """
        token = Token(state, facts)
        try:
            moved = self._machine.events[action].trigger(token)
        except (MachineError, KeyError) as error:
            raise Impossible(f"{action} from {state}") from error
        if not moved:
            raise Impossible(f"{action} from {state}: no branch holds")
        return token.state


def _transitions(definition: CompiledDefinition) -> list[dict[str, Any]]:
    return [
        {
            "trigger": action.name,
            "source": source,
            # None is an internal transition: the case stays, without leaving and entering again.
            "dest": branch.state,
            "conditions": [] if branch.when is None else [_condition(branch.when)],
        }
        for action in definition.actions.values()
        for source in sorted(action.sources)
        for branch in action.branches
    ]


def _condition(when: Predicate) -> Callable[[Any], bool]:
    return lambda event: when(event.model.facts) is True
