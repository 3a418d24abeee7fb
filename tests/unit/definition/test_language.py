"""The page that describes the language, held to what it says."""

import re

import pytest

from engine.definition.rules import RULES
from tests.support.commands import ROOT
from tests.unit.definition.test_checks import GOOD, findings

PAGE = (ROOT / "docs" / "definition-language.md").read_text(encoding="utf-8")
#: Found in files that no small change shows; `test_source`, `test_engine` and `test_command` do.
SHOWN_ELSEWHERE = {
    "control-character", "not-utf8", "empty", "too-large", "table-too-large", "template",
    "condition-too-large", "not-proved", "version-already-installed", "version-not-higher",
}  # fmt: skip


def blocks(kind):
    return re.findall(rf"^```{kind} ?(\S*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def change(text, diff):
    """Apply a change, hunk by hunk; return the text and the numbers of the lines that it shows."""
    lines = [(row, False) for row in text.splitlines()]
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        rows = hunk.splitlines()
        old = [row[1:] for row in rows if row[0] in " -"]
        starts = [i for i in range(len(lines)) if [t for t, _ in lines[i : i + len(old)]] == old]
        assert starts, hunk
        at = starts[0]
        lines[at : at + len(old)] = [(row[1:], True) for row in rows if row[0] in " +"]
    return "\n".join(t for t, _ in lines) + "\n", {
        i for i, (_, shown) in enumerate(lines, 1) if shown
    }


@pytest.mark.parametrize(("code", "diff"), blocks("diff"), ids=[b[0] for b in blocks("diff")])
def test_each_mistake_of_the_page_is_found_with_its_code_where_it_stands(code, diff):
    text, shown = change(GOOD, diff)
    found = findings(text)
    assert any(f.code == code and f.line in shown for f in found), [str(f) for f in found]
    for finding in found:
        assert finding.path == "essai.yaml"
        assert finding.messages["fr"]
        assert finding.messages["en"]


def test_every_code_that_is_found_is_a_rule_on_the_page_and_shown():
    sources = [*(ROOT / "engine" / "definition").glob("*.py"), ROOT / "engine" / "library.py"]
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    used = set(re.findall(r'(?:finding|_find|finding_at|refuse)\(\s*"([a-z0-9-]+)"', text))
    used |= set(re.findall(r'(?:code=|code = )"([a-z-]+)"', text))
    assert used - set(RULES) == set()
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", PAGE))
    assert set(RULES) - named == set()
    assert set(RULES) - {code for code, _ in blocks("diff")} - SHOWN_ELSEWHERE == set()


def test_what_the_page_quotes_stands_in_the_example():
    quoted = [text for kind, text in blocks("yaml") if kind == "excerpt"]
    assert len(quoted) >= 5
    assert all(text in GOOD for text in quoted)


def test_every_key_of_the_language_is_on_the_page():
    source = (ROOT / "engine" / "definition" / "model.py").read_text(encoding="utf-8")
    body = source.partition("class Model(")[2]
    keys = set(re.findall(r"^    ([a-z_]+):", body, flags=re.MULTILINE))
    keys |= set(re.findall(r'alias="([a-z_]+)"', body))
    keys -= {
        "source",
        "negation",
        "state",
        "copy_fields",
        "states",
        "model_config",
        "fr",
        "en",
        "otherwise",
    }
    missing = {k for k in keys if not re.search(rf"\b{k}\b", PAGE)}
    assert missing == set()


def test_the_process_on_a_page_is_sound_and_runs_as_the_page_says(inbox):
    import shlex

    (text,) = [text for name, text in blocks("yaml") if name == "pret.yaml"]
    (inbox.home / "workflows" / "pret.yaml").write_text(text, encoding="utf-8")
    commands = blocks("console")[0][1]
    for line in commands.splitlines():
        inbox(*shlex.split(line.removeprefix("$ inbox ")))
    assert inbox.json("show", "PR-2026-0001")["outcome"] == "rendu"
