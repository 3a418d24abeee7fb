"""Definitions: how long and how much memory a check takes, and how many seeded faults it finds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.faults import KINDS, NOT_ALWAYS_A_MISTAKE, seeded
from benchmarks.world import folder, machine
from engine.calendar import Calendar
from engine.definition.compiler import examine
from engine.definition.family import Given, together
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.world import WORKFLOWS

if TYPE_CHECKING:
    from engine.errors import Finding

FAULTS = 200
#: The collection of patterns, where nothing is wrong either.
PATTERNS = Path(__file__).parents[1] / "tests" / "unit" / "definition" / "patterns"
SIZES = (10, 100, 500)
_MEASURED = """
import resource, sys, time
from pathlib import Path
from engine.calendar import Calendar
from engine.definition.compiler import examine
text = Path(sys.argv[1]).read_text(encoding="utf-8")
before, begun, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter(), time.process_time()
done = examine(text, path="essai.yaml", calendar=Calendar(), templates=None)
seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(done.findings), f"{seconds:.2f} s ({cpu:.2f} s of processor), {after / 1024:.0f} MB at peak ({(after - before) / 1024:.0f} more than before)")
"""


def main() -> None:
    """Print the time and memory of checks by size, then what is found of seeded faults."""
    print(machine())
    with folder() as made:
        for states in SIZES:
            path = made / f"{states}.yaml"
            path.write_text(generated(states), encoding="utf-8")
            done = subprocess.run(
                [sys.executable, "-c", _MEASURED, str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            found, _, figures = done.stdout.strip().partition(" ")
            print(f"{states} states, {states * 4} actions: {figures}, {found} findings")
    _faults()


def generated(states: int) -> str:
    """Return a sound definition of so many states, with four actions a state, guards, dates and timers."""
    label = "{fr: Un mot, en: A word}"
    lines = [
        "arrimage: 1", "process: grand", "version: 1", f"label: {label}",
        f'adopted: {{on: "2026", by: {label}, reference: Mesure}}', "numbering: {prefix: GR}",
        "title: [objet]", f"roles: {{agent: {label}}}", "fields:",
        f"  objet: {{type: text, label: {label}}}",
        *(f"  n{i}: {{type: integer, label: {{fr: Nombre {i}, en: Number {i}}}, min: 0, max: 100}}" for i in range(5)),
        f"opening: {{label: {label}, by: [agent], form: [objet], to: e0}}", "states:",
    ]  # fmt: skip
    for i in range(states - 1):
        lines += [f"  e{i}:", f"    label: {{fr: État {i}, en: State {i}}}", f"    task: {{label: {label}}}",
                  "    due: {of: entered, after: 5 business days}"]  # fmt: skip
    lines += [f"  e{states - 1}: {{label: {label}, end: {{outcome: fini}}}}", "actions:"]
    for i in range(states):
        lines += _actions(i, states, label)
    lines += ["timers:", f"  rappel: {{label: {label}, in: open, at: {{of: due, before: 1 day}}, notify: [avis]}}",
              "notifications:", f"  avis: {{label: {label}, template: reminder, to: {{people: [owner]}}}}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _actions(i: int, states: int, label: str) -> list[str]:
    here, following = f"e{min(i, states - 2)}", f"e{min(i + 1, states - 1)}"
    back, field = f"e{min(i // 2, states - 2)}", f"n{i % 5}"

    def start(does: str) -> str:
        return (
            f"{does}{i}: {{label: {{fr: {does} {i}, en: {does} {i}}}, from: [{here}], by: [agent]"
        )

    def guard(test: str) -> str:
        return f"requires: [{{when: {{compare: {{field: {field}, {test}}}}}, because: {label}}}]"

    ways = f"[{{when: {{compare: {{field: {field}, at_least: 50}}}}, state: {following}}}, {{state: {here}}}]"
    return [
        f"  {start('saisir')}, to: same, form: [{field}]}}",
        f"  {start('avancer')}, to: {following}, {guard(f'at_least: {1 + i % 50}')}}}",
        f"  {start('choisir')}, to: {ways}}}",
        f"  {start('revenir')}, to: {back}, {guard('at_most: 99')}}}",
    ]


def _faults() -> None:
    found = placed = covered = 0
    begun = time.perf_counter()
    texts, patterns = _texts(WORKFLOWS), _texts(PATTERNS)
    alarms = [_alarms(sound) for sound in (texts, patterns)]
    made = list(seeded(texts, FAULTS, seed=2026))
    for fault in made:
        seen = findings(fault.file, fault.text, texts)
        found += bool(seen)
        right = any(f.line in fault.lines for f in seen)
        placed += right
        covered += bool(seen) or fault.kind not in NOT_ALWAYS_A_MISTAKE
        if not right:
            print(f"  {'elsewhere' if seen else 'missed'}: {fault.kind}: {fault.said}")
    print(f"{len(made)} faults of {len(KINDS)} kinds: {found} found before running; of the {covered} that the rules cover, {placed} on the right "
          f"line; false alarms: {alarms[0]} on {len(texts)} shipped definitions, {alarms[1]} on {len(patterns)} patterns "
          f"({time.perf_counter() - begun:.0f} s)")  # fmt: skip


def _texts(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.yaml"))}


def _alarms(texts: dict[str, str]) -> int:
    return sum(len(findings(name, text, texts)) for name, text in texts.items())


def findings(name: str, text: str, others: dict[str, str]) -> tuple[Finding, ...]:
    """Return what is found in one definition, the others being there as they are."""
    renderer = Renderer(Institute(name="Institut", address="", email="info@example.org"))
    examined = examine(text, path=name, calendar=Calendar(), templates=renderer)
    return together(examined, Given([], lambda key: _other(key, others)).process)


def _other(key: str, texts: dict[str, str]):  # noqa: ANN202 - a definition or None
    text = texts.get(f"{key}.yaml")
    if text is None:
        return None
    made = examine(text, path=key, calendar=Calendar(), templates=None).compiled
    return None if made is None else made.written
