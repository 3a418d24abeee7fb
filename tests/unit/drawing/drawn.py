"""What is drawn in these tests: the shipped processes, the tests' own, and invented ones."""

import json
import re

from engine.calendar import Calendar
from engine.definition.compiler import compile_definition
from inbox.drawing import process
from tests.support.commands import ROOT
from tests.support.invented import chain
from tests.support.world import EXAMPLES, WORKFLOWS

PAGE = (ROOT / "docs" / "definition-language.md").read_text(encoding="utf-8")
LOAN = re.search(r"```yaml pret.yaml\n(.*?)```", PAGE, flags=re.DOTALL)[1]
LARGE = chain([f"etat{n}" for n in range(100)], ["role0", "role1", "role2"])
for n in range(0, 90, 5):
    LARGE["actions"][f"sauter{n}"] = {
        "label": {"fr": f"Sauter {n}", "en": f"Skip {n}"},
        "from": [f"etat{n}", f"etat{n + 2}"], "to": f"etat{(n * 7) % 100}", "by": ["role1"],
    }  # fmt: skip
KNOWN = {
    path.name: path.read_text(encoding="utf-8")
    for path in (*sorted(WORKFLOWS.glob("*.yaml")), *sorted(EXAMPLES.glob("*.yaml")))
} | {"pret.yaml": LOAN, "cent états": json.dumps(LARGE)}


def compiled(text):
    return compile_definition(
        text, path="essai.yaml", calendar=Calendar(), templates=None, proved=True
    )


def drawn(text):
    definition = compiled(text)
    return definition, process.graph(definition)


def every_node(graph):
    """Yield every node, those of the asides too."""
    yield from graph.nodes()
    for aside in graph.asides:
        yield aside.start
        yield from aside.row.nodes


def every_flow(graph):
    from inbox.drawing.graph import row_flows

    yield from graph.flows()
    for aside in graph.asides:
        yield from row_flows(aside.row, aside.start, {})
