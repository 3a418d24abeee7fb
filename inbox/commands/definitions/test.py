"""`definitions test`: the scenarios of a process, played on a virtual clock; and walks nobody wrote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import click

from inbox import failures, reasons
from inbox.command import command
from inbox.main import REFUSED
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, n_, word
from inbox.versions import template_folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.definition.compiled import CompiledDefinition
    from engine.scenario.coverage import Figure, Reached
    from engine.scenario.explore import Found
    from engine.scenario.run import Played
    from inbox.app import App
    from inbox.scenarios import Ready, Script

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SEEDS = 1_000_000


@command(
    "test",
    help=_(
        "Jouer des scénarios sur une horloge virtuelle, dans une base qui est jetée; aucun espace de travail "
        "n'est nécessaire. FILE est un fichier de scénarios, ou une définition, dont les scénarios sont à côté, "
        "dans scenarios/; sans FILE, ceux des processus livrés. (docs/scenarios.md)"
    ),
    examples=[
        "inbox definitions test",
        "inbox definitions test workflows/pret.yaml",
        "inbox definitions test workflows/pret.yaml --explore 200 --seed 7",
    ],
)
@click.argument("files", nargs=-1, type=_FILE, metavar="[FILE]...")
@click.option("--explore", type=click.IntRange(1, 100_000), metavar="N",
              help=_("Prendre aussi N chemins au hasard, et rapetisser ce qui échoue."))  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32), metavar="S",
              help=_("Reprendre les mêmes chemins."))  # fmt: skip
@click.option("--write", "to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help=_("Où écrire le scénario trouvé (par défaut ici : trouve-NOM-S.yaml)."))  # fmt: skip
def test(
    app: App, files: tuple[Path, ...], explore: int | None, seed: int | None, to: Path | None
) -> None:
    from inbox import scenarios

    if explore is None and (seed is not None or to is not None):
        raise click.UsageError(_("--seed et --write vont avec --explore."))
    if to is not None and len(files) != 1:
        raise click.UsageError(_("--write va avec un seul fichier."))
    seed = SystemRandom().randrange(_SEEDS) if seed is None else seed
    scripts = [scenarios.read(path) for path in files or scenarios.shipped()]
    tried = _Tried(explore=explore, seed=seed, to=to)
    with scenarios.ready(scripts, partial(template_folders, app)) as ready:
        empty = next((s for s in scripts if s.file is None), None)
        if empty is not None and explore is None:
            beside = scenarios.beside(Path(empty.path))
            raise click.UsageError(_("{file} n'a pas de scénarios : ils vont dans {beside}.",
                                     file=empty.path, beside=beside))  # fmt: skip
        answers = [_one(app, one, tried) for one in ready]
    failed = sum(a["failed"] for a in answers)
    found = any((a["exploration"] or {}).get("file") for a in answers)
    if app.json:
        show_json({"passed": sum(a["passed"] for a in answers), "failed": failed, "files": answers})
    if failed or found:
        raise click.exceptions.Exit(REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """What was asked of exploring."""

    explore: int | None
    seed: int
    to: Path | None

    def file(self, script: Script) -> Path:
        """Return where what is found is written."""
        return self.to or Path(f"trouve-{Path(script.path).stem}-{self.seed}.yaml")


def _one(app: App, ready: Ready, tried: _Tried) -> dict[str, Any]:
    """Play one file, explore its definitions if that is asked, and tell; return the JSON shape."""
    from engine.scenario.coverage import Reached
    from inbox import scenarios

    script, stage = ready.script, ready.stage
    definitions = list(stage.definitions.values())
    played = scenarios.played(stage, ready.stories)
    reached = Reached()
    for one in played:
        reached |= one.reached
    if not app.json and script.file is not None:
        _tell_played(script, played)
    answer = _shape(script, played, definitions, reached)
    if not app.json and played:
        _tell_coverage(definitions, reached)
    if tried.explore is not None:
        from engine.scenario.explore import explore

        passing = [one.story for one in played if not one.failures]
        found = explore(stage, script.given, passing, tried.explore, tried.seed)
        answer["exploration"] = _explored(app, script, found, tried)
    return answer


# --- scenarios ----------------------------------------------------------------------------------


def _tell_played(script: Script, played: Sequence[Played]) -> None:
    say(strong(clean(script.path)))
    for one in played:
        mark = _("ÉCHEC") if one.failures else _("réussi")
        say(clean(f"  {mark} : {one.story.title}"))
        for line in _failure_lines(script, one):
            say(clean(f"    {line}"))
    failed = sum(bool(one.failures) for one in played)
    passed = len(played) - failed
    say(n_("{n} scénario réussi", "{n} scénarios réussis", passed) + ", "
        + n_("{n} en échec.", "{n} en échec.", failed))  # fmt: skip


def _failure_lines(script: Script, one: Played) -> list[str]:
    lines = []
    for failure in one.failures:
        lines += failures.finding_lines([failure.finding(script.source)])[0]
        lines += [f"- {reasons.sentence(reason)}" for reason in failure.reasons]
    return lines


def _shape(
    script: Script,
    played: Sequence[Played],
    definitions: Sequence[CompiledDefinition],
    reached: Reached,
) -> dict[str, Any]:
    from engine.scenario.coverage import figures

    failed = sum(bool(one.failures) for one in played)
    return {
        "file": script.path,
        "passed": len(played) - failed,
        "failed": failed,
        "scenarios": [_scenario(script, one) for one in played],
        "coverage": [
            {"process": d.key, "version": d.version,
             **{f.kind: _figure(f) for f in figures(d, reached)}}
            for d in definitions
        ],
        "exploration": None,
    }  # fmt: skip


def _scenario(script: Script, one: Played) -> dict[str, Any]:
    return {
        "title": one.story.title,
        "line": script.source.place(one.story.path)[0],
        "passed": not one.failures,
        "failures": [_failure(script, failure) for failure in one.failures],
    }


def _failure(script: Script, failure: Any) -> dict[str, Any]:
    from inbox.texts import lang

    here = 0 if lang() == "fr" else 1
    (shape,) = failures.finding_lines([failure.finding(script.source)])[1]
    return {
        **shape,
        "case": failure.number,
        "expected": failure.expected[here],
        "got": failure.got[here],
        "reasons": [reasons.as_json(r, failure.number, None) for r in failure.reasons],
    }


# --- coverage -----------------------------------------------------------------------------------


def _tell_coverage(definitions: Sequence[CompiledDefinition], reached: Reached) -> None:
    from engine.scenario.coverage import figures

    kinds = {"states": _("états"), "actions": _("actions"), "timers": _("minuteries"),
             "ways": _("embranchements"), "refusals": _("refus")}  # fmt: skip
    for definition in definitions:
        found = figures(definition, reached)
        said = ", ".join(
            _("{kind} {reached} sur {total} ({percent} %)", kind=kinds[f.kind], reached=f.reached,
              total=f.total, percent=_percent(f))
            for f in found if f.total
        )  # fmt: skip
        say(_("Couverture de {process}, version {v} : {said}", process=definition.key,
              v=definition.version, said=said))  # fmt: skip
        for figure in found:
            for key, label in figure.missing.items():
                say(clean(_("  pas atteint ({kind}) : {key} — {label}", kind=kinds[figure.kind],
                            key=key.partition(":")[0], label=word(label))))  # fmt: skip


def _percent(figure: Figure) -> int:
    """Return a share in percent, rounded down: 100 means all."""
    return 100 * figure.reached // figure.total if figure.total else 100


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "reached": figure.reached,
        "total": figure.total,
        "percent": _percent(figure),
        "missing": [{"name": key, "label": word(label)} for key, label in figure.missing.items()],
    }


# --- exploring ----------------------------------------------------------------------------------


def _explored(app: App, script: Script, found: Found, tried: _Tried) -> dict[str, Any]:
    """Tell what exploring found; what failed is written, then played from what was written."""
    from inbox import scenarios

    answer: dict[str, Any] = {
        "walks": found.walks,
        "seed": tried.seed,
        "file": None,
        "failures": [],
    }
    if not found.failures:
        if not app.json:
            say(n_("{n} chemin exploré (--seed {seed}) : rien à redire.",
                   "{n} chemins explorés (--seed {seed}) : rien à redire.", found.walks,
                   seed=tried.seed))  # fmt: skip
        return answer
    title = _("Trouvé en explorant (--explore {n} --seed {seed})", n=tried.explore, seed=tried.seed)
    to = tried.file(script)
    scenarios.write(script, found, to, title)
    again = scenarios.read(to)
    with scenarios.ready([again], partial(template_folders, app)) as (ready,):
        played = scenarios.played(ready.stage, ready.stories)
    if not app.json:
        say(_("Trouvé en explorant, et écrit dans {file} :", file=to))
        _tell_played(again, played)
    return {**answer, "file": str(to),
            "failures": [_failure(again, f) for one in played for f in one.failures]}  # fmt: skip
