"""Mistakes seeded into the shipped definitions, each found on a line that was changed or depends on it.

`python -m benchmarks definitions` does the same with two hundred.
"""

import pytest

from benchmarks.definitions import findings
from benchmarks.faults import KINDS, NOT_ALWAYS_A_MISTAKE, seeded
from tests.support.world import WORKFLOWS

TEXTS = {p.name: p.read_text(encoding="utf-8") for p in sorted(WORKFLOWS.glob("*.yaml"))}
FAULTS = [
    fault for fault in seeded(TEXTS, len(KINDS), seed=11) if fault.kind not in NOT_ALWAYS_A_MISTAKE
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f.kind for f in FAULTS])
def test_a_seeded_fault_is_found_before_anything_runs_on_the_right_line(fault):
    found = findings(fault.file, fault.text, TEXTS)
    assert any(f.line in fault.lines for f in found), (fault.said, [str(f) for f in found])


def test_the_same_seed_gives_the_same_faults():
    assert [f.text for f in seeded(TEXTS, 5, seed=3)] == [f.text for f in seeded(TEXTS, 5, seed=3)]


def test_nothing_is_found_where_nothing_was_seeded():
    assert [findings(name, text, TEXTS) for name, text in TEXTS.items()] == [()] * len(TEXTS)
