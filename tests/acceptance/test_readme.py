"""The tour of the README: what is typed there answers what is written there."""

import re
import shlex

from tests.support.commands import ROOT, Inbox


def tour():
    """Yield each command of the tour, and the lines that it is said to answer."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Cinq minutes")[2].partition("\n## ")[0]
    for block in re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *answer = part.rstrip("\n").split("\n")
            yield command, answer


def test_the_tour_of_the_readme_answers_what_it_says(tmp_path):
    inbox = Inbox(tmp_path / "essai", now="2026-11-16T10:00")
    typed = [(c, a) for c, a in tour() if c.startswith("inbox ")]
    assert len(typed) >= 7
    for command, answer in typed:
        refused = bool(answer) and answer[0].startswith("Refusé")
        done = inbox.run(*shlex.split(command)[1:], code=int(refused))
        said = (done.stdout + done.stderr).replace("\u00a0", " ")
        place = 0
        for line in answer:
            for fragment in line.split("…"):
                found = said.find(fragment.replace("\u00a0", " "), place)
                if "…" not in line or fragment.strip():
                    assert found >= 0, (command, line, said)
                    place = found + len(fragment)
