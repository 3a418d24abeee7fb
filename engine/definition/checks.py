"""Everything that can be wrong in a definition that reads well: names, words, tables, people.

Each finding has a code of `docs/definition-language.md` and the place of what is wrong. What depends on
the ways through the states is in `paths`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition import alike, model, paths, size, values
from engine.definition.domains import literals
from engine.definition.doubts import followable
from engine.definition.flow import Flow
from engine.definition.graph import Graph
from engine.definition.names import Names
from engine.definition.walk import (
    accepted_by,
    batches_of,
    conditions,
    inner,
    moments,
    named_by,
    only_one,
    split_form,
    states_of,
    states_of_timer,
    timed_fields,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: Names that the engine or the command uses itself, or may be asked to.
RESERVED_ACTIONS = frozenset(
    {
        "ouvrir", "prendre", "relacher", "attribuer", "noter_systeme", "take", "release", "assign",
        "open", "correct", "timer", "wake", "merged", "migrate", "migrate_back",
    }
)  # fmt: skip
RESERVED_FIELDS = frozenset(
    {"note", "numero", "case", "by", "at", "missing", "now", "opened", "entered", "due"}
)
#: What the engine adds to each record.
RESERVED_IN_RECORDS = frozenset({"by", "at", "missing"})
#: What is measured from, besides a field.
POINTS = frozenset({"now", "opened", "entered", "due"})

#: Findings in spite of which the rest can be read.
_HARMLESS = frozenset(
    {
        "reserved-name", "useless-key", "no-task", "nobody-may", "automatic-asks",
        "internal-field-leaves", "same-from-ended", "lost-answer", "table-gap", "table-overlap",
        "date-stands-still", "same-label", "table-dead-row", "table-too-large", "unbounded-span", "timer-never-armed",
    }
)  # fmt: skip


#: Where the first of two entries of one name is lost, and what it said with it.
_KEPT_LAST = frozenset({"actions", "fields", "checklists", "tables"})


def check(definition: model.Definition, source: Source) -> tuple[list[Finding], Flow | None]:
    """Return every finding of what the typed model made of a file, and the flow of its sound part."""
    found = [*_Checker(definition, source).run(), *values.check(definition, source)]
    found += values.lost_answers(definition, source)
    found += alike.check(definition, source)
    found += size.check(definition, source)
    found = [f for f in found if not source.is_doubtful(f.where)]
    flow = follow(definition, source, found)
    return (found, None) if flow is None else ([*found, *paths.check(flow)], flow)


def follow(definition: model.Definition, source: Source, found: Iterable[Finding]) -> Flow | None:
    """Return the flow of what is sound of a definition in spite of what was found; None when nothing is."""
    twice = [f for f in source.findings if f.code == "duplicate-key" and f.where[0] in _KEPT_LAST]
    doubtful = [f for f in found if f.code not in _HARMLESS]
    sound = followable(definition, source, [*doubtful, *twice])
    return None if sound is None else Flow(Graph(sound[0], source, sound[1]))


class _Checker(Names):
    """Checks one definition; every method yields findings."""

    def run(self) -> Iterator[Finding]:
        yield from self._reserved()
        yield from self._fields()
        yield from self._opening()
        for name, action in self.d.actions.items():
            yield from self._action(name, action)
        for name, state in self.d.states.items():
            yield from self._state(name, state)
        for name, timer in self.d.timers.items():
            yield from self._timer(name, timer)
        for name, notification in self.d.notifications.items():
            yield from self._notification(name, notification)
        for name, checklist in self.d.checklists.items():
            for key, item in checklist.items.items():
                yield from self._known("action", item.action, self.d.actions,
                                       ("checklists", name, "items", key, "action"))  # fmt: skip
            yield from self._circle(name)
        for name, table in self.d.tables.items():
            yield from self._table(name, table)
        for path, condition in conditions(self.d):
            yield from self._condition(path, condition)
        for path, when in moments(self.d):
            yield from self._moment(path, when)

    # --- parts ----------------------------------------------------------------------------------

    def _circle(self, name: str) -> Iterator[Finding]:
        """Find a checklist that waits for itself, through others or not."""
        reached: set[str] = set()
        frontier = {name}
        while frontier:
            items = [i for c in frontier if c in self.d.checklists
                     for i in self.d.checklists[c].items.values()]  # fmt: skip
            named = {c.checklist for i in items for c in inner(i.when) if c.checklist}
            frontier = named - reached
            reached |= named
        if name in reached:
            yield self._find(
                "checklist-circle", ("checklists", name), f"la liste « {name} » s'attend elle-même.",
                f"checklist {name!r} waits for itself.", of_key=True,
            )  # fmt: skip

    def _reserved(self) -> Iterator[Finding]:
        yield from self._taken(("actions",), self.d.actions, RESERVED_ACTIONS)
        yield from self._taken(("fields",), self.d.fields, RESERVED_FIELDS)
        for name, field in self.d.fields.items():
            yield from self._taken(("fields", name, "of"), field.of or {}, RESERVED_IN_RECORDS)

    def _taken(self, path: Path, names: Iterable[str], taken: frozenset[str]) -> Iterator[Finding]:
        for name in names:
            if name in taken:
                yield self._find(
                    "reserved-name", (*path, name),
                    f"« {name} » est réservé; choisissez un autre nom.",
                    f"{name!r} is reserved; choose another name.", of_key=True,
                )  # fmt: skip

    def _fields(self) -> Iterator[Finding]:
        for name, field in self.d.fields.items():
            yield from self._field(("fields", name), field)
        yield from self._all_known("field", self.d.title, self.d.fields, ("title",))

    def _field(self, path: Path, field: model.FieldSpec) -> Iterator[Finding]:
        needs = {"choice": "options", "choices": "options", "records": "of", "member": "roster"}
        wanted = needs.get(field.type)
        if wanted and not getattr(field, wanted):
            yield self._find("incomplete-field", path,
                             f"un champ « {field.type} » a besoin de « {wanted} ».",
                             f"a {field.type} field needs {wanted!r}.")  # fmt: skip
        for extra in {"options", "of", "roster"} - {wanted}:
            if getattr(field, extra):
                yield self._find("useless-key", (*path, extra),
                                 f"« {extra} » ne sert pas à un champ « {field.type} ».",
                                 f"{extra!r} is of no use to a {field.type} field.")  # fmt: skip
        if field.from_files and field.type not in {"text", "paragraph"}:
            yield self._find("useless-key", (*path, "from_files"),
                             f"« from_files » ne sert pas à un champ « {field.type} ».",
                             f"'from_files' is of no use to a {field.type} field.")  # fmt: skip
        for name, part in (field.of or {}).items():
            if part.type == "records" or part.reason_if_missing or part.from_files:
                yield self._find("nested-records", (*path, "of", name),
                                 "une fiche ne contient que des champs simples.",
                                 "a record holds plain fields only.")  # fmt: skip
            yield from self._field((*path, "of", name), part)

    def _opening(self) -> Iterator[Finding]:
        opening, path = self.d.opening, ("opening",)
        yield from self._known("state", opening.to, self.d.states, (*path, "to"))
        yield from self._all_known("role", opening.by, self.d.roles, (*path, "by"))
        yield from self._form(opening.form, (*path, "form"))
        yield from self._sets(opening.sets, (*path, "sets"))
        yield from self._all_known("notification", opening.notify, self.d.notifications,
                                   (*path, "notify"))  # fmt: skip
        yield from self._all_known("field", opening.duplicates, self.d.fields,
                                   (*path, "duplicates"))  # fmt: skip
        yield from self._known("field", opening.received, self.d.fields, (*path, "received"))
        if opening.lag and not opening.received:
            yield self._find("incomplete-field", (*path, "lag"),
                             "« lag » a besoin de « received ».",
                             "'lag' needs 'received'.")  # fmt: skip

    def _form(self, form: list[str | model.FormItem], path: Path) -> Iterator[Finding]:
        seen: set[str] = set()
        for i, item in enumerate(form):
            here = (*path, i)
            name = item if isinstance(item, str) else item.field
            record, field = split_form(name)
            if record is None:
                yield from self._known("field", field, self.d.fields, here)
                spec = self.d.fields.get(field)
                if spec is not None and spec.type == "records":
                    yield self._find("whole-records", here,
                                     f"une fiche s'ajoute par ses champs : « {field}.… ».",
                                     f"a record is added by its fields: '{field}.…'.")  # fmt: skip
            else:
                yield from self._known("field", record, self.d.fields, here)
                of = self.d.fields[record].of if record in self.d.fields else None
                yield from self._known("field", field, of or {}, here)
            if name in seen:
                yield self._find("duplicate-key", here, f"« {name} » est demandé deux fois.",
                                 f"{name!r} is asked twice.")  # fmt: skip
            seen.add(name)

    def _sets(self, sets: dict[str, model.SetValue], path: Path) -> Iterator[Finding]:
        for name, value in sets.items():
            here = (*path, name)
            yield from self._known("field", name, self.d.fields, here)
            yield from self._one_key(value, here)
            if value.table is not None:
                yield from self._known("table", value.table.table, self.d.tables, here)
                table = self.d.tables.get(value.table.table)
                if table is not None:
                    yield from self._known("output", value.table.output, table.gives, here)

    def _action(self, name: str, action: model.Action) -> Iterator[Finding]:
        path: Path = ("actions", name)
        if isinstance(action.source, list):
            yield from self._all_known("state", action.source, self.d.states, (*path, "from"))
        yield from self._targets(action, path)
        yield from self._all_known("role", action.by, self.d.roles, (*path, "by"))
        yield from self._form(action.form, (*path, "form"))
        yield from self._sets(action.sets, (*path, "sets"))
        yield from self._all_known("field", action.clears, self.d.fields, (*path, "clears"))
        for key in ("notify", "cancels", "recalls"):
            yield from self._all_known("notification", getattr(action, key), self.d.notifications,
                                       (*path, key))  # fmt: skip
        for i, requirement in enumerate(action.requires):
            here = (*path, "requires", i)
            yield from self._known("action", requirement.action, self.d.actions, (*here, "action"))
            yield from self._known("field", requirement.exception, self.d.fields,
                                   (*here, "exception"))  # fmt: skip
        if action.accepts is not None:
            yield from self._acceptance(action, action.accepts, (*path, "accepts"))
        if action.opens is not None:
            yield from self._child(action, action.opens, (*path, "opens"))
        yield from self._who(name, action, path)

    def _targets(self, action: model.Action, path: Path) -> Iterator[Finding]:
        here = (*path, "to")
        if isinstance(action.to, str):
            if action.to != "same":
                yield from self._known("state", action.to, self.d.states, here)
            elif any(
                s in self.d.states and self.d.states[s].end for s in states_of(self.d, action)
            ):
                yield self._find("same-from-ended", here,
                                 "un dossier fermé se rouvre avant de changer.",
                                 "a case that ended is reopened before it changes.")  # fmt: skip
            return
        if not action.to:
            yield self._find("branches", here, "aucune voie n'est donnée.", "no way is given.")
        for i, branch in enumerate(action.to):
            yield from self._known("state", branch.state, self.d.states, (*here, i, "state"))
            last = i == len(action.to) - 1
            if (branch.when is None) != last:
                yield self._find("branches", (*here, i),
                                 "seule la dernière voie est sans condition, et elle l'est toujours.",
                                 "the last way, and only it, has no condition.")  # fmt: skip

    def _acceptance(
        self, action: model.Action, part: model.Acceptance, path: Path
    ) -> Iterator[Finding]:
        """Find what is no message, and a reason that the action's form does not always ask for."""
        batches = [n for n, m in self.d.notifications.items() if m.batch]
        listed, names = isinstance(part.message, list), accepted_by(action)
        here: Path = (*path, "message")
        for i, name in enumerate(names):
            yield from self._known("notification", name, batches, (*here, i) if listed else here)
        if not names:
            yield self._find("one-key", here, "aucun envoi n'est nommé.", "no batch is named.")
        always = [i if isinstance(i, str) else i.field for i in action.form
                  if isinstance(i, str) or i.required is True]  # fmt: skip
        yield from self._known("field", part.reason, always, (*path, "reason"))

    def _child(self, action: model.Action, child: model.Child, path: Path) -> Iterator[Finding]:
        for theirs, ours in child.copy_fields.items():
            yield from self._known("field", ours, self.d.fields, (*path, "copy", theirs))
        asked = [i if isinstance(i, str) else i.field for i in action.form]
        for theirs, name in child.form.items():
            yield from self._known("field", name, asked, (*path, "form", theirs))
        yield from self._known("field", child.for_each, self.d.fields, (*path, "for_each"))
        if (child.for_each is None) != (child.item is None):
            yield self._find("incomplete-field", path, "« for_each » et « item » vont ensemble.",
                             "'for_each' and 'item' go together.")  # fmt: skip

    def _who(self, name: str, action: model.Action, path: Path) -> Iterator[Finding]:
        timed = any(t.action == name for t in self.d.timers.values())
        itself = action.automatic is not None or (timed and not action.by)
        if itself and (action.by or action.form or action.note == "required"):
            asks = "by" if action.by else "form" if action.form else "note"
            yield self._find(
                "automatic-asks", (*path, asks), "une action automatique n'a ni rôle, ni formulaire, ni note.",
                "an automatic action has no role, form or note.", of_key=True,
            )  # fmt: skip
        if action.automatic is not None and action.requires:
            yield self._find(
                "automatic-asks", (*path, "requires"),
                "rien ne lit « requires » d'une action automatique : mettez ces conditions dans « automatic ».",
                "nothing reads 'requires' of an automatic action: put these conditions into 'automatic'.",
                of_key=True,
            )  # fmt: skip
        if not itself and not action.by and not action.owner_only:
            yield self._find(
                "nobody-may", (*path, "by"), "personne ne peut faire cette action : « by » est vide.",
                "nobody may take this action: 'by' is empty.", of_key=True,
            )  # fmt: skip

    def _state(self, name: str, state: model.State) -> Iterator[Finding]:
        path: Path = ("states", name)
        if state.task is not None:
            yield from self._known("role", state.task.role, self.d.roles, (*path, "task", "role"))
            yield from self._doing(name, state.task.action, (*path, "task", "action"))
        if state.end is not None:
            yield from self._known("field", state.end.redirect, self.d.fields,
                                   (*path, "end", "redirect"))  # fmt: skip
            for key in ("task", "due", "waiting"):
                if getattr(state, key):
                    yield self._find("useless-key", (*path, key),
                                     f"« {key} » ne sert à rien dans une fin.",
                                     f"{key!r} is of no use in an ending.")  # fmt: skip
        elif state.task is None and not any(
            name in states_of(self.d, a) and a.automatic for a in self.d.actions.values()
        ):
            yield self._find(
                "no-task", path, "un état ouvert dit quoi faire : « task ».",
                "an open state says what there is to do: 'task'.", of_key=True,
            )  # fmt: skip

    def _doing(self, state: str, name: str | None, path: Path) -> Iterator[Finding]:
        """Find a task whose action is not there, or does not start from its state."""
        action = self.d.actions.get(name or "")
        if action is None:
            yield from self._known("action", name, self.d.actions, path)
            return
        starts = states_of(self.d, action)
        # One that starts from a state that does not exist may have been meant to start from this one.
        if state not in starts and all(s in self.d.states for s in starts):
            yield self._find("unknown-action", path, f"l'action « {name} » ne part pas de cet état.",
                             f"action {name!r} does not start from this state.")  # fmt: skip

    def _timer(self, name: str, timer: model.Timer) -> Iterator[Finding]:
        path: Path = ("timers", name)
        if isinstance(timer.states, list):
            yield from self._all_known("state", timer.states, self.d.states, (*path, "in"))
        yield from self._all_known("notification", timer.notify, self.d.notifications,
                                   (*path, "notify"))  # fmt: skip
        yield from self._known("action", timer.action, self.d.actions, (*path, "action"))
        if (timer.action is None) == (not timer.notify):
            yield self._find("one-key", path, "une minuterie avise ou agit : l'un des deux.",
                             "a timer notifies or acts: one of them.")  # fmt: skip
        action = self.d.actions.get(timer.action or "")
        if action is not None and action.by:
            yield self._find("automatic-asks", (*path, "action"),
                             "une action de minuterie n'a pas de rôle : « by: [] ».",
                             "an action taken by a timer has no role: 'by: []'.")  # fmt: skip
        for state in states_of_timer(self.d, timer):
            if state in self.d.states and self.d.states[state].end is not None:
                yield self._find("useless-key", (*path, "in"), f"« {state} » est une fin.",
                                 f"{state!r} is an ending.")  # fmt: skip

    def _notification(self, name: str, part: model.Notification) -> Iterator[Finding]:
        path: Path = ("notifications", name)
        narrowing = {"name": "address", "without": "recipients_of", "untold": "recipients_of"}
        kinds = [
            k for k in type(part.to).model_fields if k not in narrowing and getattr(part.to, k)
        ]
        if len(kinds) != 1:
            yield from [self._find("one-key", (*path, "to"), "une seule sorte de destinataire.",
                                   "exactly one kind of recipient.")]  # fmt: skip
        yield from self._known("field", part.to.address, self.d.fields, (*path, "to", "address"))
        yield from self._known("field", part.to.name, self.d.fields, (*path, "to", "name"))
        yield from self._known("role", part.to.role, self.d.roles, (*path, "to", "role"))
        for key, needed in narrowing.items():
            if getattr(part.to, key) and not getattr(part.to, needed):
                yield self._find("useless-key", (*path, "to", key),
                                 f"« {key} » ne sert qu'avec « {needed} ».",
                                 f"{key!r} is of use with {needed!r} only.")  # fmt: skip
        yield from self._batches(part.to, (*path, "to"))
        yield from self._known("field", part.not_before, self.d.fields, (*path, "not_before"))
        yield from self._all_known("field", part.fields, self.d.fields, (*path, "fields"))
        yield from self._says(name, part, (*path, "says"))
        yield from self._batch(part, path)
        if part.calendar is not None:
            for key in ("start", "location"):
                yield from self._known("field", getattr(part.calendar, key), self.d.fields,
                                       (*path, "calendar", key))  # fmt: skip
        if part.to.address or part.to.roster or part.to.recipients_of:
            yield from self._leaks(part.fields, (*path, "fields"))
            yield from self._leaks([part.says or ""], (*path, "says"), one=True)
            # The case's title and the invitation's place go with the message.
            yield from self._leaks(self.d.title, ("title",))
            if part.calendar is not None:
                for key in ("start", "location"):
                    named = getattr(part.calendar, key)
                    yield from self._leaks([named or ""], (*path, "calendar", key), one=True)

    def _batch(self, part: model.Notification, path: Path) -> Iterator[Finding]:
        yield from self._newcomers(part, path)
        if part.to.untold and not part.personal:
            yield self._find("incomplete-field", (*path, "to", "untold"),
                             "« untold » n'a de sens qu'avec « personal: true ».",
                             "'untold' only makes sense with 'personal: true'.")  # fmt: skip
        if part.batch:
            return
        for key in ("rule", "personal", "newcomers", "says"):
            if getattr(part, key):
                yield self._find("incomplete-field", (*path, key), f"« {key} » n'a de sens qu'avec « batch: true ».",
                                 f"{key!r} only makes sense with 'batch: true'.")  # fmt: skip

    def _earlier(self, part: model.Earlier, path: Path) -> Iterator[Finding]:
        names, listed = named_by(part), isinstance(part.than, list)
        here: Path = (*path, "than")
        for i, name in enumerate(names):
            yield from self._known("notification", name, self.d.notifications,
                                   (*here, i) if listed else here)  # fmt: skip
        if not names:
            yield self._find("one-key", here, "aucun envoi n'est nommé.", "no batch is named.")
        yield from self._field_known(part.member, (*path, "member"))

    def _says(self, name: str, part: model.Notification, path: Path) -> Iterator[Finding]:
        """Find a list that is not there, or to which what sends the message adds nothing to say."""
        yield from self._known("field", part.says, self.d.fields, path)
        if part.says is None:
            return
        if part.to.recipients_of is None:
            yield self._find("useless-key", path, "« says » ne sert qu'avec « recipients_of ».",
                             "'says' is of use with 'recipients_of' only.")  # fmt: skip
        senders = [a for a in self.d.actions.values() if name in a.notify]
        forms = [[i if isinstance(i, str) else i.field for i in a.form] for a in senders]
        timed = any(name in t.notify for t in self.d.timers.values())
        if timed or not all(any(f.startswith(f"{part.says}.") for f in form) for form in forms):
            yield self._find("incomplete-field", path,
                             f"ce qui envoie ce message n'ajoute rien à la liste « {part.says} », qu'il doit dire.",
                             f"what sends this message adds nothing to the list {part.says!r}, which it is to say.")  # fmt: skip

    def _newcomers(self, part: model.Notification, path: Path) -> Iterator[Finding]:
        if part.newcomers is None:
            return
        if part.to.recipients_of is None:
            yield self._find("useless-key", (*path, "newcomers"),
                             "« newcomers » ne sert qu'avec « recipients_of ».",
                             "'newcomers' is of use with 'recipients_of' only.")  # fmt: skip
        if part.personal:
            yield self._find("one-key", (*path, "newcomers"), "« personal » ou « newcomers » : un seul.",
                             "'personal' or 'newcomers': only one.")  # fmt: skip

    def _batches(self, to: model.Recipients, path: Path) -> Iterator[Finding]:
        names, listed = batches_of(to), isinstance(to.recipients_of, list)
        here: Path = (*path, "recipients_of")
        for i, name in enumerate(names):
            yield from self._known("notification", name, self.d.notifications,
                                   (*here, i) if listed else here)  # fmt: skip
        if listed and not names:
            yield self._find("one-key", here, "aucun envoi n'est nommé.", "no batch is named.")
        yield from self._field_known(to.without, (*path, "without"))

    def _leaks(self, names: list[str], path: Path, *, one: bool = False) -> Iterator[Finding]:
        for i, name in enumerate(names):
            field = self.d.fields.get(name)
            inner = [] if field is None else (field.of or {}).values()
            if field is not None and (field.internal or any(f.internal for f in inner)):
                yield self._find("internal-field-leaves", path if one else (*path, i),
                                 f"« {name} » est interne et un message qui sort de l'Institut le montre.",
                                 f"{name!r} is internal and a message that leaves shows it.")  # fmt: skip

    def _table(self, name: str, table: model.DecisionTable) -> Iterator[Finding]:
        path: Path = ("tables", name)
        yield from self._all_known("field", table.reads, self.d.fields, (*path, "reads"))
        for i, row in enumerate(table.rows):
            yield from self._row(table, row, (*path, "rows", i))

    def _row(
        self, table: model.DecisionTable, row: model.TableRow, path: Path
    ) -> Iterator[Finding]:
        for name, cell in row.when.items():
            yield from self._known("field", name, table.reads, (*path, "when", name))
            spec = self.d.fields.get(name)
            given = [cell.equals] if cell.equals is not None else cell.one_of or []
            if spec is not None and spec.type == "choice":
                yield from self._all_known("option", map(str, given), spec.options or {},
                                           (*path, "when", name))  # fmt: skip
        for name in [*table.gives, *row.give]:
            if name not in row.give or name not in table.gives:
                yield self._find("unknown-output", (*path, "give"),
                                 f"chaque ligne donne exactement : {', '.join(table.gives)}.",
                                 f"each row gives exactly: {', '.join(table.gives)}.")  # fmt: skip

    def _condition(self, path: Path, condition: model.Condition) -> Iterator[Finding]:
        if not only_one(condition):
            yield from self._one_key(condition, path)
            return
        for field in (condition.present, condition.obtained, *timed_fields(condition)):
            yield from self._field_known(field, path)
        yield from self._known("checklist", condition.checklist, self.d.checklists, path)
        if condition.compare is not None:
            yield from self._compare(condition.compare, (*path, "compare"))
        if condition.message is not None:
            yield from self._known("notification", condition.message.message,
                                   self.d.notifications, (*path, "message"))  # fmt: skip
        if condition.earlier is not None:
            yield from self._earlier(condition.earlier, (*path, "earlier"))
        if condition.untold is not None:
            tellers = [n for n, m in self.d.notifications.items() if m.to.untold]
            yield from self._known("notification", condition.untold, tellers, (*path, "untold"))

    def _compare(self, part: model.Compare, path: Path) -> Iterator[Finding]:
        yield from self._field_known(part.field, (*path, "field"))
        for key in ("at_least_field", "count_at_least_field"):
            yield from self._known("field", getattr(part, key), self.d.fields, (*path, key))
        spec = self._spec(part.field)
        if spec is None:
            return
        if spec.type in {"choice", "choices"}:
            given = map(str, literals(part))
            yield from self._all_known("option", given, spec.options or {}, path)

    def _moment(self, path: Path, when: model.When) -> Iterator[Finding]:
        if when.of not in POINTS:
            yield from self._known("field", when.of, self.d.fields, (*path, "of"))
        elif when.otherwise is not None:
            yield self._find("useless-key", (*path, "else"), f"« {when.of} » est toujours connu, ou n'a pas de remplaçant.",
                             f"{when.of!r} is always known, or has no substitute.")  # fmt: skip
        yield from self._known("field", when.after_field, self.d.fields, (*path, "after_field"))
        if sum(v is not None for v in (when.after, when.before, when.after_field)) > 1:
            yield self._find("one-key", path, "« after », « before » ou « after_field » : un seul.",
                             "'after', 'before' or 'after_field': only one.")  # fmt: skip
