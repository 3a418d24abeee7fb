"""`definitions migrate`: open cases to another version, rehearsed first, one transaction each, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import register
from engine.change.mapping import Mapping, read_mapping
from engine.change.move import BACK, MIGRATE
from engine.change.plan import Plan, propose
from engine.errors import Conflict, InvalidDefinition, Refused
from inbox import migration_text, reasons
from inbox.command import command
from inbox.errors import InvalidData
from inbox.holding import Case
from inbox.lookup import PROCESS, find
from inbox.main import CONFLICT, DONE, REFUSED
from inbox.output import on_terminal, say, show_json
from inbox.texts import _, clean, n_, word
from inbox.versions import display
from inbox.workspace import definition_text

if TYPE_CHECKING:
    from engine.register import Listed
    from inbox.app import App

#: At most so many cases in one run; more are told, and the same command goes on with them.
LIMIT = 100_000


@command(
    "migrate",
    help=_(
        "Faire passer des dossiers ouverts à une autre version de leur processus. --dry-run montre chaque "
        "dossier, avant et après, et ne change rien. Chaque dossier est une transaction : la même commande "
        "reprend là où elle s'est arrêtée. --back les remet comme ils étaient, tant qu'ils n'ont pas avancé."
    ),
    examples=[
        "inbox definitions migrate pret --to 2 --dry-run",
        "inbox definitions migrate pret --to 2 --plan passage.yaml --dry-run",
        "inbox definitions migrate pret --to 2 --mapping passage.yaml --cases PR-2026-0001,PR-2026-0004",
        "inbox definitions migrate pret --back --cases PR-2026-0001",
    ],
)
@click.argument("key", type=PROCESS)
@click.option("--to", type=int, help=_("La version où ils vont."))
@click.option("--back", is_flag=True, help=_("Les remettre comme avant leur dernier passage."))
@click.option("--cases", multiple=True, metavar="CASE,…", help=_("Ces dossiers seulement."))
@click.option("--dry-run", is_flag=True, help=_("Montrer, ne rien changer."))
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=_("Ce que le plan proposé laisse à décider (docs/changing-a-process.md)."),
)
@click.option(
    "--plan",
    "written",
    type=click.Path(dir_okay=False, path_type=Path),
    help=_("Écrire le plan proposé dans ce fichier, à compléter et à donner à --mapping."),
)
@click.option("--yes", is_flag=True, help=_("Ne pas demander de confirmation."))
def migrate(
    app: App,
    key: str,
    to: int | None,
    back: bool,
    cases: tuple[str, ...],
    dry_run: bool,
    mapping: Path | None,
    written: Path | None,
    yes: bool,
) -> None:
    if not dry_run:
        app.administrator()
    if back == (to is not None):
        raise click.UsageError(_("Dites --to VERSION, ou --back."))
    if back and (mapping or written):
        raise click.UsageError(_("--back ne prend ni --mapping ni --plan."))
    app.library.current(key)
    named = _named(app, key, cases)
    if back:
        _go_back(app, key, named, dry_run=dry_run, yes=yes)
        return
    assert to is not None
    run = _Run(app, key, to, named, mapping)
    if written is not None:
        if written.exists():
            raise click.UsageError(_("{file} existe déjà : il n'est pas récrit.", file=written))
        written.write_text(migration_text.as_mapping(run.plans), encoding="utf-8")
    run.go(dry_run=dry_run, yes=yes)


def _named(app: App, key: str, cases: tuple[str, ...]) -> list[Listed] | None:
    """Return the cases that were named; None: all of them."""
    words = [word for given in cases for word in given.split(",") if word.strip()]
    if not words:
        return None
    found = {case.id: case.line for word in words for case in [find(app, word, follow=False)]}
    for line in found.values():
        if line.process != key:
            raise click.UsageError(
                _("{number} n'est pas un dossier de « {key} ».", number=line.number, key=key)
            )
    return list(found.values())


class _Run:
    """One run: the plan from each version that a case is on, and what becomes of each case."""

    def __init__(
        self, app: App, key: str, to: int, named: list[Listed] | None, mapping: Path | None
    ) -> None:
        self.app, self.key = app, key
        if to not in (versions := app.library.versions(key)):
            raise click.BadParameter(
                _("{key} n'a pas de version {n}; installées : {all}", key=key, n=to,
                  all=", ".join(map(str, versions))),
                param_hint="--to",
            )  # fmt: skip
        self.new = app.library.get(key, to)
        self.lines = self._lines(named)
        given = self._mapping(mapping)
        olds = sorted({line.definition_version for line in self.lines} - {to})
        self.plans = {v: propose(app.library.get(key, v), self.new, given) for v in olds}

    def _lines(self, named: list[Listed] | None) -> list[Listed]:
        if named is None:
            with self.app.database.read() as connection:
                lines = register.list_cases(connection, process=self.key, limit=LIMIT)
            return [c for c in lines if c.definition_version < self.new.definition.version]
        newer = [c for c in named if c.definition_version > self.new.definition.version]
        if newer:
            raise click.UsageError(
                _("{number} est sur une version plus récente; pour revenir : --back",
                  number=newer[0].number)
            )  # fmt: skip
        return named

    def _mapping(self, path: Path | None) -> Mapping | None:
        if path is None:
            return None
        versions = [v for v in self.app.library.versions(self.key)
                    if v != self.new.definition.version]  # fmt: skip
        olds = [self.app.library.get(self.key, v).definition for v in versions]
        try:
            return read_mapping(definition_text(path), str(path), olds, self.new.definition)
        except InvalidDefinition as error:
            raise InvalidData(path, error.findings) from error

    def go(self, *, dry_run: bool, yes: bool) -> None:
        """Rehearse or migrate every case, say what became of each, and leave with what that means."""
        if not self.app.json:
            self._print_plans()
        if not dry_run and not yes and self.lines:
            _ask(self.app, len(self.lines))
        results: list[_Result] = []
        for line in self.lines:
            results.append(self._one(line, dry_run=dry_run))
            if not self.app.json:
                for text in migration_text.case_lines(self.app, results[-1], self._plan_of(line)):
                    say(clean(text))
        _end(self.app, results, dry_run=dry_run, plans=self.plans)

    def _plan_of(self, line: Listed) -> Plan | None:
        return self.plans.get(line.definition_version)

    def _one(self, line: Listed, *, dry_run: bool) -> _Result:
        plan = self._plan_of(line) or propose(self.new, self.new)
        engine, actor = self.app.engine, self.app.actor
        move = engine.rehearse(line.id, plan, actor)
        if dry_run or move.done or move.reasons:
            return _Result(line=line, move=move)
        try:
            move = engine.migrate(line.id, plan, actor, expected_version=line.version)
        except (Refused, Conflict) as error:
            return _Result(line=line, move=move, error=error)
        return _Result(line=line, move=move, written=True)

    def _print_plans(self) -> None:
        for version, plan in self.plans.items():
            say(_("{key} : de la version {a} à la version {b}", key=self.key, a=version,
                  b=self.new.definition.version))  # fmt: skip
            for text in migration_text.plan_lines(plan, self._cases(version)):
                say(f"  {clean(text)}")
        if not self.lines:
            say(_("Aucun dossier ouvert n'est sur une version antérieure à : {name}.",
                  name=display(self.new.definition)))  # fmt: skip

    def _cases(self, version: int) -> list[Case]:
        """Return the cases that go from a version, with their forms."""
        named = {line.number for line in self.lines if line.definition_version == version}
        with self.app.database.read() as connection:
            found = register.with_data(connection, self.key)
        return [
            Case(number=line.number, state=line.state, data=data)
            for line, data in found
            if line.number in named
        ]


_Result = migration_text.Result


def _ask(app: App, count: int) -> None:
    from inbox import form

    if on_terminal() and not app.json:
        form.confirm(n_("Changer {n} dossier?", "Changer {n} dossiers?", count))


def _go_back(app: App, key: str, named: list[Listed] | None, *, dry_run: bool, yes: bool) -> None:
    lines = named
    if lines is None:
        with app.database.read() as connection:
            lines = register.list_cases(connection, process=key, limit=LIMIT)
        lines = [line for line in lines if app.engine.may_go_back(line.id) is None]
    if not dry_run and not yes and lines:
        _ask(app, len(lines))
    results = []
    for line in lines:
        result = _back(app, line, dry_run=dry_run)
        results.append(result)
        if not app.json:
            for text in migration_text.case_lines(app, result, None):
                say(clean(text))
    _end(app, results, dry_run=dry_run, plans={})


def _back(app: App, line: Listed, *, dry_run: bool) -> _Result:
    if dry_run:
        why_not = app.engine.may_go_back(line.id)
        given = () if why_not is None else (why_not,)
        refused = Refused(given, number=line.number, action=BACK) if given else None
        return _Result(line=line, back=True, error=refused)
    try:
        outcome = app.engine.migrate_back(line.id, app.actor)
    except (Refused, Conflict) as error:
        return _Result(line=line, error=error, back=True)
    version = find(app, outcome.number, follow=False).definition
    state = word(version.states[outcome.state].label)
    said = _("« {state} », version {n}", state=state, n=version.version)
    return _Result(line=line, written=True, back=True, state=said)


def _end(app: App, results: list[_Result], *, dry_run: bool, plans: dict[int, Plan]) -> None:
    moved = sum(r.written or (dry_run and r.possible) for r in results)
    stays = [r for r in results if r.reasons]
    lost = any(isinstance(r.error, Conflict) for r in results)
    if app.json:
        show_json({
            "dry_run": dry_run, "plans": [migration_text.plan_json(p) for p in plans.values()],
            "cases": [_result_json(r) for r in results], "migrated": moved, "staying": len(stays),
        })  # fmt: skip
    else:
        say()
        say(_count(moved, dry_run=dry_run, back=bool(results and results[0].back)))
        if stays or lost:
            say(n_("{n} dossier reste où il est, pour les raisons dites.",
                   "{n} dossiers restent où ils sont, pour les raisons dites.",
                   len(stays) + sum(isinstance(r.error, Conflict) for r in results)))  # fmt: skip
    raise click.exceptions.Exit(REFUSED if stays else CONFLICT if lost else DONE)


def _count(moved: int, *, dry_run: bool, back: bool) -> str:
    if back:
        return (n_("{n} dossier serait remis.", "{n} dossiers seraient remis.", moved) if dry_run
                else n_("{n} dossier est remis.", "{n} dossiers sont remis.", moved))  # fmt: skip
    return (n_("{n} dossier passerait.", "{n} dossiers passeraient.", moved) if dry_run
            else n_("{n} dossier est passé.", "{n} dossiers sont passés.", moved))  # fmt: skip


def _result_json(result: _Result) -> dict[str, Any]:
    action = BACK if result.back else MIGRATE
    return {
        **migration_text.move_json(result),
        "written": result.written,
        "conflict": isinstance(result.error, Conflict),
        "reasons": [reasons.as_json(r, result.line.number, action) for r in result.reasons],
    }
