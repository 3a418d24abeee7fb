from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Calendar
from engine.definition.compiler import compile_definition
from engine.definition.samples import sample_facts
from engine.errors import InvalidDefinition, Unavailable
from engine.lease import Delivery, Leased
from notifications.message import build
from notifications.rendering import Renderer
from notifications.settings import Institute, MailSettings
from notifications.words import typography

INSTITUTE = Institute(
    name="Institut national des mines", address="Val-d'Or", email="info@example.org"
)
SETTINGS = MailSettings(host="127.0.0.1", security="none", institute=INSTITUTE)
RENDERER = Renderer(INSTITUTE)
WORKFLOWS = Path(__file__).parents[2] / "workflows"
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted",
           "MIME-Version", "Content-Type", "Content-Language"]  # fmt: skip
AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@cache
def definition(name="demande"):
    text = (WORKFLOWS / f"{name}.yaml").read_text(encoding="utf-8")
    return compile_definition(text, path=name, calendar=Calendar(), templates=RENDERER)


def facts(name="diffusion", process="demande", **data):
    compiled = definition(process)
    made = sample_facts(
        compiled, compiled.notifications[name], next(iter(compiled.states)), empty=False
    )
    for key, value in data.items():
        made["fields"][key]["value"] = value
    return made


def parsed(template, languages=("fr",), *, given=None, batch=False, **delivery):
    given = given or facts()
    content = RENDERER.render(template, languages, given)
    leased = message_of(template, given, batch=batch)
    to = delivery_to(languages=languages, **delivery)
    raw = build(leased, [to], content, SETTINGS)
    return message_from_bytes(raw, policy=policy.default), raw


def message_of(template, given, *, batch=False):
    return Leased(id=1, case_id=1, name="diffusion", template=template, newcomer_template=None, batch=batch, rule=None,
                    ruling=None, personal=False, about=None, queued_at=AT, not_before=AT, facts=given, token=1, deliveries=())  # fmt: skip


def delivery_to(**given):
    return Delivery(**{"id": 1, "recipient": "member:1", "name": "Cégep Exemple", "addresses": ("a@example.org",),
                       "languages": ("fr",), "newcomer": False, "message_id": "<x@example.org>", "salt": "0" * 32, "attempts": 0,
                       **given})  # fmt: skip


def test_every_template_of_the_shipped_processes_renders_full_and_empty():
    definition("demande")
    definition("rencontre")


def test_a_message_says_who_writes_where_to_answer_and_what_it_belongs_to():
    message, _ = parsed("demande/diffusion")
    assert message["To"] == "Cégep Exemple <a@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["References"] == "<DI-2026-0007@example.org>"
    text = message.get_body(("plain",)).get_content()
    assert "Val-d'Or" in text
    assert "pour changer l'adresse" in text
    assert 'lang="fr"' in message.get_body(("html",)).get_content()


def test_a_message_abroad_is_in_french_then_in_english():
    given = facts("accuse_reception")
    message, _ = parsed("demande/acknowledgement", ("fr", "en"), given=given)
    text = message.get_body(("plain",)).get_content()
    assert text.index("Bonjour") < text.index("Hello")
    assert message["Content-Language"] == "fr, en"
    assert message["Subject"].startswith("Votre demande")


def test_html_and_template_words_in_a_field_stay_text():
    given = facts(fiche_besoins="<script>alert(1)</script> {{ 7*7 }} {% raw %}")
    message, _ = parsed("demande/diffusion", given=given)
    html = message.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "{{ 7*7 }}" in message.get_body(("plain",)).get_content()


def test_a_value_cannot_start_another_header():
    given = facts(fiche_titre="Titre\r\nBcc: victime@example.org")
    message, raw = parsed("demande/diffusion", given=given, name='Nom"\r\nBcc: x@example.org <y@z>')
    assert message["Bcc"] is None
    assert b"\r\nBcc:" not in raw.partition(b"\r\n\r\n")[0]


def test_a_batch_names_none_of_its_recipients_and_a_letter_names_its_own():
    message, raw = parsed("demande/diffusion", batch=True)
    assert message["To"] == "Institut national des mines <info@example.org>"
    assert message["List-Id"]
    assert b"a@example.org" not in raw
    assert parsed("demande/diffusion")[0]["To"] == "Cégep Exemple <a@example.org>"


def test_the_same_content_is_the_same_bytes_whoever_reads_it():
    _, one = parsed("demande/diffusion", batch=True)
    _, two = parsed("demande/diffusion", batch=True, name="Autre", addresses=("b@example.org",))
    assert one == two


@given(st.text(max_size=400), st.text(max_size=80))
def test_whatever_is_written_a_message_has_the_headers_it_was_given_and_no_other(words, name):
    content = {"subject": words, "text": words, "html": words, "languages": ["fr"]}
    leased = message_of("demande/diffusion", facts())
    raw = build(leased, [delivery_to(name=name)], content, SETTINGS)
    parsed_back = message_from_bytes(raw, policy=policy.default)
    assert [k for k, _ in parsed_back.items()] == HEADERS
    assert " ".join(parsed_back["Subject"].split()) == " ".join(words.split())
    assert all(line.endswith(b"\r\n") for line in raw.splitlines(keepends=True))
    assert raw.isascii()


def test_an_invitation_can_be_added_to_a_calendar():
    from icalendar import Calendar as Ics

    compiled = definition("rencontre")
    name = next(n.name for n in compiled.notifications.values() if n.calendar and n.outside)
    message, _ = parsed("rencontre/invitation", ("fr", "en"), given=facts(name, "rencontre"))
    part = next(p for p in message.walk() if p.get_content_type() == "text/calendar")
    event = Ics.from_ical(part.get_content()).walk("VEVENT")[0]
    assert event["dtstart"].dt == datetime(2026, 3, 31, 16, 0, tzinfo=UTC)


def test_nothing_internal_is_in_what_the_network_is_sent():
    compiled = definition()
    for notification in compiled.notifications.values():
        if notification.outside:
            for name in notification.fields:
                assert not compiled.fields[name].internal, (notification.name, name)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ absent }}", "absent"),
        ("{{ case.number | inconnu }}", "inconnu"),
        ("{% if %}", "Expected an expression"),
        ("{{ 'a' * 1000000000 }}", "* is not allowed"),
        ("{{ '%1000000000d' % 1 }}", "% is not allowed"),
        ("{{ ().__class__.__mro__ }}", "unsafe"),
        ("{{ range(10) }}", "range"),
    ],
)
def test_a_template_that_would_fail_at_night_is_refused_in_the_day(tmp_path, template, words):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_text(template)
    (fault,) = Renderer(INSTITUTE, folders=[tmp_path]).check("essai", ["fr"], facts())
    assert words in fault.en
    assert (fault.file, fault.line) == ("fr/essai.txt.j2", 1)
    assert "«" in fault.fr


def test_a_bracket_that_closes_another_is_said_in_words(tmp_path):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_text("{{ show(fields.objet }")
    (fault,) = Renderer(INSTITUTE, folders=[tmp_path]).check("essai", ["fr"], facts())
    assert fault.fr == "il faut ici « ) », et non « } »"


@pytest.mark.parametrize(
    ("template", "fr"),
    [
        ("{% if case.number == 'X' %}{{ inconnu }}{% endif %}", "rien ne s'appelle « inconnu » ici"),
        ("{% if note == 'X' %}{{ case.numero }}{% endif %}", "rien ne s'appelle « case.numero » ici"),
        ("{% if note == 'X' %}{{ fields.ailleurs.value }}{% endif %}",
         "le champ « ailleurs » n'est pas dans « fields » de ce message"),
        ("{% if note == 'X' %}{% set a = 1 %}{% endif %}{{ a }}", "rien ne s'appelle « a » ici"),
        ("{% for c in fields.ordres.value %}{{ c }}{{ autre }}{% endfor %}", "rien ne s'appelle « autre » ici"),
        ("{% include 'fr/part.txt.j2' %}", "rien ne s'appelle « absent » ici"),
        ("{% if note is defined %}{{ absent | default('') }}{% endif %}{{ case.due.days }}",
         "« days » y est lu de ce qui est un instant"),
    ],
)  # fmt: skip
def test_a_name_that_no_case_has_is_found_in_a_branch_that_none_takes(tmp_path, template, fr):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_text(template)
    (tmp_path / "fr" / "part.txt.j2").write_text("{% if note == 'X' %}{{ absent }}{% endif %}")
    read = Renderer(INSTITUTE, folders=[tmp_path]).read("essai", ["fr"], facts())
    assert [f.fr for f in read.faults] == [fr]


@pytest.mark.parametrize(
    ("template", "fr"),
    [
        ("{{ case.due.year }}", "« year » est lu d'une valeur qui n'est pas là"),
        ("{{ case.due }}", "une valeur qui n'est pas là y serait écrite « None »"),
        ("{{ day(case.due) }}", "une date qui n'est pas là y est lue"),
        ("{{ show(note) }}", "show(…) veut un champ : show(fields.nom)"),
        ("{% if case.due > 2 %}{% endif %}", "une valeur qui n'est pas là y est comparée"),
        ("{% for x in case.due %}{% endfor %}", "une valeur qui n'est pas là y est parcourue"),
        ("{% if note %}", "le bloc « if » n'est pas fermé"),
    ],
)
def test_what_fails_in_a_template_is_said_in_words_at_its_line(tmp_path, template, fr):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_text(f"Bonjour,\n{template}")
    given = facts()
    given["case"] = {**given["case"], "due": None}
    (fault,) = Renderer(INSTITUTE, folders=[tmp_path]).check("essai", ["fr"], given)
    assert (fault.fr, fault.line) == (fr, 2)


@pytest.mark.parametrize(
    "template",
    [
        "{{ fields.fiche_titre }}", "{{ fields.fiche_titre | length }}", "{{ 5 - fields.fiche_titre }}",
        "{% if fields.fiche_titre == 'x' %}{% endif %}", "{% if fields.fiche_titre %}{% endif %}",
        "{{ fields.fiche_titre or '' }}",
    ],
)  # fmt: skip
def test_a_field_used_as_if_it_were_its_value_is_found_with_what_to_write(tmp_path, template):
    read = written(tmp_path, f"Bonjour,\n{template}").read("essai", ["fr"], facts())
    (fault,) = read.faults
    assert (fault.file, fault.line) == ("fr/essai.txt.j2", 2)
    assert "écrivez show(fields.fiche_titre)" in fault.fr


@pytest.mark.parametrize(
    "template",
    [
        "{{ case.state_label }}", "{{ fields.fiche_titre | default('') }}", "{{ ['a', 'b'] }}",
        "{{ fields.fiche_titre if note else 'x' }}", "{{ show(fields.suites) }}",
    ],
)  # fmt: skip
def test_a_mapping_or_a_list_is_never_written_as_a_program_notes_it(tmp_path, template):
    given = facts()
    record = {"type": "records", "value": [{"by": "a"}], "options": {}, "of": {}}
    given["fields"] = {**given["fields"], "suites": record}
    renderer = written(tmp_path, template)
    (fault,) = renderer.check("essai", ["fr"], given)
    assert "«" not in fault.fr
    with pytest.raises((jinja2.TemplateError, ValueError)):
        renderer.render("essai", ["fr"], given)


def test_everything_that_a_template_may_not_say_is_found_at_once(tmp_path):
    lines = ("{{ inconnu }}", "{{ fields.nope }}", "{{ ''.__class__ }}", "{{ fields | attr('x') }}",
             "{{ autre.x }}", "{{ case.zzz }}", "{{ show(fields.fiche_titre) }}")  # fmt: skip
    read = written(tmp_path, "\n".join(lines)).read("essai", ["fr"], facts())
    assert sorted(f.line for f in read.faults) == [1, 2, 3, 4, 5, 6]


def test_a_template_that_is_not_closed_is_found_at_its_own_line(tmp_path):
    (fault,) = written(tmp_path, "Bonjour\n{% if note %}").read("essai", ["fr"], facts()).faults
    assert (fault.path, fault.line) == (str(tmp_path / "fr" / "essai.txt.j2"), 2)
    assert fault.fr == "le bloc « if » n'est pas fermé"


def written(folder, text):
    """Return what renders a template of one text."""
    (folder / "fr").mkdir()
    (folder / "fr" / "essai.subject.j2").write_text("Objet", encoding="utf-8")
    (folder / "fr" / "essai.txt.j2").write_text(text, encoding="utf-8")
    return Renderer(INSTITUTE, folders=[folder])


def test_a_missing_template_is_found_when_the_definition_is_compiled():
    text = (
        (WORKFLOWS / "demande.yaml")
        .read_text(encoding="utf-8")
        .replace("demande/diffusion", "demande/disparu")
    )
    with pytest.raises(InvalidDefinition) as refusal:
        compile_definition(text, path="x", calendar=Calendar(), templates=RENDERER)
    assert {f.code for f in refusal.value.findings} == {"template"}


def test_the_template_of_newcomers_is_checked_as_the_other_is_each_at_its_own_place(tmp_path):
    whole = (WORKFLOWS / "demande.yaml").read_text(encoding="utf-8")
    text = whole.replace("demande/erratum_new", "demande/disparu")
    with pytest.raises(InvalidDefinition) as refusal:
        compile_definition(text, path="x", calendar=Calendar(), templates=RENDERER)
    (one, two) = refusal.value.findings
    assert {one.code, two.code} == {"template"}
    at = next(n for n, row in enumerate(text.splitlines(), 1) if "demande/disparu" in row)
    assert {one.line, two.line} == {at}
    for name in ("erratum", "erratum_new"):
        own = tmp_path / "fr" / "demande" / f"{name}.txt.j2"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(
            f"Bonjour,\n{{% if note == 'X' %}}{{{{ {name}_x }}}}{{% endif %}}\n{{{{ show(fields.question) }}}}"
        )
    with pytest.raises(InvalidDefinition) as refusal:
        compile_definition(
            whole, path="x", calendar=Calendar(), templates=Renderer(INSTITUTE, folders=[tmp_path])
        )
    assert {(f.path, f.line, f.messages["fr"]) for f in refusal.value.findings} == {
        (str(tmp_path / f"fr/demande/{name}.txt.j2"), line, said)
        for name in ("erratum", "erratum_new")
        for line, said in (
            (2, f"rien ne s'appelle « {name}_x » ici."),
            (3, "le champ « question » n'est pas dans « fields » de ce message."),
        )
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (MailSettings(host="192.0.2.1", security="none"), "encrypted"),
        (MailSettings(host="mail.example.org", security="tls", loopback_only=True), "rehearsal"),
    ],
)
def test_mail_never_leaves_in_clear_nor_out_of_a_rehearsal(settings, words):
    with pytest.raises(Unavailable, match=words):
        settings.check()


@pytest.mark.parametrize("space", ["", " ", "\u00a0", "\u202f"])
def test_french_typography_whatever_spaces_it_was_written_with(space):
    assert typography(f"«{space}oui{space}» : 12 %.") == "«\u00a0oui\u00a0»\u00a0: 12\u00a0%."
