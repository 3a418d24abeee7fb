"""Templates into words: Jinja in a sandbox, strict about what is not there, in one or two languages.

A template is two files a language, `<lang>/<name>.subject.j2` and `<lang>/<name>.txt.j2`. The text is
written once, by hand, in a small plain form (paragraphs separated by an empty line, `- ` for lists,
`# ` for a heading, `Label : value` lines for facts), and the HTML part is made from it by the shared
layout, so that the two parts always say the same. A bilingual message is French first, then English.

A template sees the facts that the engine froze with the message, the recipient apart: content is the
same for everybody, byte for byte.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.ports import Fault, Reading
from notifications import faults, grammar, words
from notifications.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from notifications.settings import Institute

#: A rendering longer than this is refused: no message of ours comes near.
LONGEST = 200_000
#: The shared layout, whose blocks are `<!--% … %-->`.
LAYOUT = "layout.html.j2"


def packaged_templates() -> Path:
    """Return the folder of the templates: inside the installed package, else the checkout's own."""
    inside = Path(str(files("notifications") / "_templates"))
    return inside if inside.is_dir() else Path(str(files("notifications"))).parent / "templates"


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, for templates that say no more than `grammar` allows."""

    intercepted_binops = frozenset({"+"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Add numbers only: texts added to themselves again and again would fill the memory."""
        if not all(isinstance(v, int) for v in (left, right)):
            raise jinja2.exceptions.SecurityError(f"{operator} is for numbers only")
        return super().call_binop(context, operator, left, right)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,  # noqa: FBT001, FBT002 - Jinja's own
    ) -> str:
        for fault in self.faults(source, name):
            raise fault
        return super()._generate(source, name, filename, defer_init)

    def faults(
        self, source: nodes.Template, name: str | None
    ) -> Iterator[jinja2.TemplateSyntaxError]:
        """Yield everything that a template says and may not, here or in what it includes."""
        yield from grammar.faults(source, name)
        for part, line in grammar.included(source):
            if grammar.included(self.parse(_source(self, part), part)):
                msg = f"{part} includes another one, which is not allowed in what is included"
                yield jinja2.TemplateSyntaxError(msg, line, name)


class _Loader(jinja2.FileSystemLoader):
    """Reads templates of a reasonable size."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text; refuse one that is too long before it is read."""
        for folder in self.searchpath:
            path = Path(folder) / template
            if path.is_file() and path.stat().st_size > grammar.LONGEST_SOURCE:
                msg = f"{template} has more than {grammar.LONGEST_SOURCE} bytes"
                raise jinja2.TemplateSyntaxError(msg, 1, template)
        return super().get_source(environment, template)


def _single(value: Any) -> Any:
    """Refuse to write a field or a list whole: a person would read a program's own notation."""
    if isinstance(value, (dict, list)):
        msg = "a mapping or a list would be written whole"
        raise jinja2.TemplateRuntimeError(msg)
    return value


def _there(value: Any) -> Any:
    """Refuse to write what is not there too: a person would read « None »."""
    if value is None:
        msg = "a value that is not there would be written as None"
        raise jinja2.UndefinedError(msg)
    return _single(value)


class _Inlined(_Loader):
    """The layout with its styles put into its elements, once instead of once a message.

    That works because the layout is HTML before it is filled in: its blocks are comments.
    """

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        import css_inline

        source, path, fresh = super().get_source(environment, template)
        return css_inline.inline(source), path, fresh


class Renderer:
    """Renders the messages of one workspace.

    Args:
        institute: Who writes.
        zone: The workspace's time zone.
        folders: Where templates are looked for before those that are shipped, the nearest first.
    """

    def __init__(
        self, institute: Institute, zone: str = "America/Toronto", folders: Sequence[Path] = ()
    ) -> None:
        self.institute = institute
        self.zone = ZoneInfo(zone)
        self.folders = [*folders, packaged_templates()]

    @cached_property
    def _environment(self) -> _Sandbox:
        return self._made(finalize=_single)

    @cached_property
    def _strict(self) -> _Sandbox:
        """What templates are checked in: it refuses more than what makes a message unreadable."""
        return self._made(finalize=_there)

    def _made(self, finalize: Callable[[Any], Any]) -> _Sandbox:
        environment = _Sandbox(
            finalize=finalize,
            loader=_Loader([str(f) for f in self.folders]),
            undefined=jinja2.StrictUndefined,
            # Texts are not HTML; the one HTML layout escapes everything that it is given.
            autoescape=False,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.clear()
        for lang in ("fr", "en"):
            environment.filters |= self._filters(lang)
        return environment

    def _filters(self, lang: str) -> dict[str, Any]:
        """Return the filters under their own name and language: `show_fr`, `day_en`…"""
        return {
            f"show_{lang}": lambda field, *value: words.show(field, lang, self.zone, *value),
            f"day_{lang}": lambda iso: words.day(self._local(iso).date(), lang),
            f"moment_{lang}": lambda iso: words.moment(self._local(iso), lang),
        }

    def _local(self, iso: str) -> datetime:
        read = datetime.fromisoformat(iso)
        return read if read.tzinfo is None else read.astimezone(self.zone)

    def render(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the content of a message: subject, text, html, languages; the same for everybody.

        Raises:
            jinja2.TemplateError: Something is missing; `check` finds it before anything runs.
        """
        parts = [self._part(template, lang, facts) for lang in languages]
        subject = " / ".join(dict.fromkeys(p["subject"] for p in parts))
        text = "\n\n— — —\n\n".join(p["text"] for p in parts)
        return {
            "subject": subject[:900],
            "text": text,
            "html": self._html(subject, parts),
            "languages": list(languages),
            "calendar": facts.get("calendar"),
        }

    def subject(self, template: str, languages: Sequence[str], facts: Mapping[str, Any]) -> str:
        """Return the subject alone, as `render` would write it."""
        said = []
        for lang in languages:
            text = self._one(f"{lang}/{template}.subject.j2", self._context(lang, facts))
            said.append(" ".join((words.typography(text) if lang == "fr" else text).split()))
        return " / ".join(dict.fromkeys(said))[:900]

    def _part(self, template: str, lang: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        context = self._context(lang, facts)
        subject, body, foot = (self._one(name, context) for name in _files(template, lang))
        body, foot = body.strip(), foot.strip()
        if lang == "fr":
            subject, body, foot = map(words.typography, (subject, body, foot))
        return {
            "lang": lang,
            # A header is one line, whatever a field holds (RFC 5322, 2.2).
            "subject": " ".join(subject.split()),
            "text": f"{body}\n\n-- \n{foot}\n",
            "blocks": blocks(body),
            "foot": foot.splitlines(),
        }

    def _one(
        self, name: str, context: Mapping[str, Any], environment: _Sandbox | None = None
    ) -> str:
        text = (environment or self._environment).get_template(name).render(context)
        if len(text) > LONGEST:
            raise jinja2.TemplateError(f"{name} renders to more than {LONGEST} characters")
        return text

    def _context(self, lang: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a template sees."""
        functions = {n: self._environment.filters[f"{n}_{lang}"] for n in ("show", "day", "moment")}
        return {**facts, "lang": lang, "institute": self.institute, **functions}

    def _html(self, subject: str, parts: Sequence[Mapping[str, Any]]) -> str:
        return self._layout.get_template(LAYOUT).render(subject=subject, parts=parts)

    @cached_property
    def _layout(self) -> _Sandbox:
        environment = _Sandbox(
            loader=_Inlined([str(f) for f in self.folders]),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            block_start_string="<!--%",
            block_end_string="%-->",
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.clear()
        return environment

    def read(self, template: str, languages: Sequence[str], facts: Mapping[str, Any]) -> Reading:
        """Read every branch of a template (`engine.ports.TemplateChecker`)."""
        found: dict[Fault, None] = {}
        names: set[str] = set()
        values: set[str | int] = set()
        for lang in languages:
            for name in _files(template, lang):
                outline = Outline(name, self._parsed)
                with suppress(
                    jinja2.TemplateError, RecursionError, UnicodeDecodeError
                ):  # `check` says so
                    for fault in self._forbidden(name):
                        found[self._placed(fault)] = None
                    outline.read(self._context(lang, facts))
                names |= outline.names
                values |= outline.values
                found |= {self._placed(_never_there(*m)): None for m in outline.missing}
                found |= {self._placed(_whole(*w)): None for w in outline.whole}
                found |= {
                    self._placed(Fault(file=file, line=line, fr=fr, en=en)): None
                    for file, line, (fr, en) in outline.misused
                }
        return Reading(faults=tuple(found), names=frozenset(names), values=frozenset(values))

    def _forbidden(self, name: str) -> Iterator[Fault]:
        """Yield everything that a template, and those that it includes, may not say."""
        try:
            source = self._parsed(name)
            for file in (name, *(part for part, _ in grammar.included(source))):
                for wrong in self._strict.faults(self._parsed(file), file):
                    yield faults.of(wrong, file, [])
        except jinja2.TemplateSyntaxError as error:
            file = error.name or name
            text = _source(self._strict, file)
            for wrong in faults.in_spite(text, lambda t: self._strict.parse(t, file)):
                yield faults.of(wrong, file, [])
            raise

    def _placed(self, fault: Fault) -> Fault:
        """Return a fault with the file that it is in, as it was found, and its line."""
        path = next(p for f in self.folders if (p := f / fault.file).is_file())
        here = Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        lines = path.read_text(encoding="utf-8").splitlines()
        return replace(fault, path=str(shown), excerpt="".join(lines[fault.line - 1 : fault.line]))

    def _parsed(self, name: str) -> nodes.Template:
        return self._strict.parse(_source(self._strict, name), name)

    def check(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> Sequence[Fault]:
        """Return what fails in a template (`engine.ports.TemplateChecker`)."""
        found = []
        for lang in languages:
            context = self._context(lang, facts)
            try:
                for name in _files(template, lang):
                    self._one(name, context, self._strict)
            except _FAILURES as error:
                fault = self.fault(_files(template, lang)[1], error)
                found.append(self._placed(fault) if fault.line else fault)
        return found

    def fault(self, template: str, error: Exception) -> Fault:
        """Return in words what made a template fail (`engine.ports.Renderer`)."""
        return faults.of(error, template, [str(f) for f in self.folders])


#: What a template may raise.
_FAILURES = (
    jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, RecursionError,
)  # fmt: skip


def _files(template: str, lang: str) -> tuple[str, str, str]:
    return f"{lang}/{template}.subject.j2", f"{lang}/{template}.txt.j2", f"{lang}/layout.foot.j2"


def _never_there(file: str, line: int, name: str) -> Fault:
    """Return that a template reads something that no case has."""
    whole, _, last = name.rpartition(".")
    if whole == "fields":
        return Fault(file=file, line=line,
                     fr=f"le champ « {last} » n'est pas dans « fields » de ce message",
                     en=f"field {last!r} is not among the fields of this message")  # fmt: skip
    return Fault(file=file, line=line, fr=f"rien ne s'appelle « {name} » ici",
                 en=f"nothing is called {name!r} here")  # fmt: skip


def _whole(file: str, line: int, name: str) -> Fault:
    """Return that a template uses a field as if it were its value."""
    return Fault(file=file, line=line,
                 fr=f"« {name} » est le champ entier, et non sa valeur : écrivez show({name}), "
                    f"ou {name}.value pour comparer ou compter",
                 en=f"{name!r} is the whole field, not its value: write show({name}), "
                    f"or {name}.value to compare or count")  # fmt: skip


def _source(environment: _Sandbox, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


#: « * Label : value ».
_FACT = re.compile(r"\* (.+?)[\u00a0 ]?: (.+)")


def blocks(text: str) -> list[dict[str, Any]]:
    """Return a plain text as blocks for the HTML layout: headings, lists, facts, paragraphs."""
    return [_block(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _block(part: str) -> dict[str, Any]:
    lines = [line.rstrip() for line in part.splitlines()]
    if lines[0].startswith("# "):
        return {"kind": "heading", "text": lines[0][2:]}
    if all(line.startswith("- ") for line in lines):
        return {"kind": "list", "items": [line[2:] for line in lines]}
    if all(line.startswith("    ") for line in lines):
        return {"kind": "command", "lines": [line[4:] for line in lines]}
    facts = [_FACT.fullmatch(line) for line in lines if line.startswith("* ")]
    if len(facts) == len(lines) and all(facts):
        return {"kind": "facts", "rows": [(f[1], f[2]) for f in facts if f]}
    return {"kind": "paragraph", "first": lines[0], "rest": lines[1:]}
