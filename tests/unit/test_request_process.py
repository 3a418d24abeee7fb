"""What the institute decided, read off the shipped definitions: a sentence of the text, a test."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

import workflows
from engine.calendar import Calendar
from engine.definition.compiler import compile_definition
from engine.definition.fields import FieldError
from engine.errors import Refused
from engine.schema import deliveries
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.diffusion import diffused, messages, settle
from tests.support.world import (
    ADVISER,
    DIRECTOR,
    WORKFLOWS,
    World,
    precise,
    ready_to_diffuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.definition.compiled import CompiledAction, CompiledDefinition, CompiledFormItem

#: The text as it was adopted, word for word; only its line ends are not those of the page.
ADOPTED = """
Processus de traitement interne des demandes d’organismes externes impliqués à l’international

En 2016, l’Institut national des mines a adopté un processus de traitement et de diffusion des
demandes d’organismes externes impliqués à l’international.

Ce processus de traitement interne des demandes est introduit pour faciliter le suivi du nombre
grandissant de demandes reçues depuis la publication du rapport d’étude intitulé Interventions
québécoises en formation et en recherche minière sur la scène internationale.

Il vise également à maintenir un niveau de transparence élevé envers les établissements
d’enseignement membres du réseau des partenaires de l’Institut1.

1. Réception de la demande

Lorsqu’une demande est reçue à l’Institut, elle est immédiatement inscrite au registre de suivi.

Elle fait ensuite l'objet d’une recherche d’informations supplémentaires qui orientent le suivi
à accorder.

2. Précision de la demande

Une demande en traitement peut nécessiter une rencontre entre un représentant de l'organisation
externe et un membre de l’Institut.

Cette rencontre a pour but de préciser la nature des besoins et les attentes du demandeur, le
type d’entente recherchée, les ressources disponibles et l’échéancier préliminaire.

3. Catégorisation de la demande

Les précisions obtenues permettent de catégoriser les demandes en fonction du traitement à
accorder.

Les catégories se fondent principalement sur les opportunités d’affaires à long terme, à moyen
terme ou à court terme pour les établissements d’enseignement québécois.

4. Diffusion de l’information

Lorsque le dossier d’une demande est complété, les informations sont diffusées selon des
modalités prédéterminées qui assurent l’équité et la transparence pour tous les membres du
réseau de partenaires.

1. Pour obtenir la version complète du Processus de traitement interne des demandes d’organismes
externes impliqués à l’international : info@inmq.qc.ca
"""
CATEGORIES = {"long_terme", "moyen_terme", "court_terme"}
PRECISIONS = ("besoins", "attentes", "entente", "ressources", "echeancier")
ENDINGS = {
    "terminee",
    "terminee_incomplete",
    "refusee",
    "retiree",
    "abandonnee",
    "transferee",
    "hors_mandat",
    "sans_opportunite",
    "fusionnee",
}
INSTITUTE = Institute(
    name="Institut national des mines du Québec", address="Val-d’Or", email="info@example.org"
)


def compiled(name: str) -> CompiledDefinition:
    text = (WORKFLOWS / name).read_text(encoding="utf-8")
    return compile_definition(text, path=name, calendar=Calendar(), templates=Renderer(INSTITUTE))


@pytest.fixture(scope="module")
def request_process() -> CompiledDefinition:
    return compiled("demande.yaml")


@pytest.fixture(scope="module")
def meeting() -> CompiledDefinition:
    return compiled("rencontre.yaml")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(f"sqlite:///{tmp_path / 'arrimage.db'}")
    world.install(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml")
    yield world.people().network(3)
    world.database.close()


def items(action: CompiledAction) -> dict[str, CompiledFormItem]:
    return {item.name: item for item in action.form}


def required(action: CompiledAction) -> set[str]:
    return {item.name for item in action.form if item.always}


def targets(action: CompiledAction) -> set[str | None]:
    return {branch.state for branch in action.branches}


def state(world: World, number: str) -> str:
    return world.case(number).row.state


def comments(name: str) -> str:
    lines = (WORKFLOWS / name).read_text(encoding="utf-8").splitlines()
    said = [line.strip().lstrip("# ") for line in lines if line.strip().startswith("#")]
    return " ".join(" ".join(said).split())


def refused(world: World, number: str, action: str, **data: Any) -> list[str]:
    """Return what a refusal says: the code of each reason, and its French words."""
    with pytest.raises(Refused) as caught:
        world.do(number, action, **data)
    return [f"{r.code} {dict(r.message or {}).get('fr', '')} {r.field or ''}" for r in
            caught.value.reasons]  # fmt: skip


# --- the text -----------------------------------------------------------------------------------


def test_the_adopted_text_is_quoted_word_for_word() -> None:
    text = workflows.adopted_text("demande.md")
    assert text is not None
    quoted = text.split("\n---\n")[0].replace("#", "")
    assert quoted.split() == ADOPTED.split()


def test_every_sentence_stands_beside_what_implements_it() -> None:
    said = comments("demande.yaml")
    paragraphs = [" ".join(p.split()) for p in ADOPTED.strip().split("\n\n")]
    sentences = [p for p in paragraphs[1:] if not re.match(r"\d\. ", p)]
    assert len(sentences) == 10
    assert [s for s in sentences if s.removesuffix(".") not in said] == []


def test_the_readings_are_listed_below_the_text() -> None:
    text = workflows.adopted_text("demande.md") or ""
    readings = text.split("\n---\n")[1]
    for word in ("jour ouvrable", "12 mois", "36 mois", "Jours fériés", "10 (court terme)"):
        assert word in readings


def test_the_packaged_definitions_are_found_and_named() -> None:
    assert {"demande.yaml", "rencontre.yaml"} <= {f.name for f in workflows.shipped()}
    assert workflows.adopted_text("absent.md") is None


def test_the_definition_carries_version_adoption_and_reference(
    request_process: CompiledDefinition,
) -> None:
    assert request_process.version == 1
    assert request_process.adopted["on"] == "2016"
    assert request_process.adopted["reference"].startswith("Processus de traitement interne")
    assert request_process.adopted["text"] == "demande.md"


def test_every_label_is_in_both_languages(
    request_process: CompiledDefinition, meeting: CompiledDefinition
) -> None:
    for d in (request_process, meeting):
        parts = [*d.fields.values(), *d.states.values(), *d.actions.values(), *d.timers.values()]
        parts += [*d.notifications.values(), *d.checklists.values()]
        assert [p.name for p in parts if not p.label["fr"] or not p.label["en"]] == []


# --- 1. Réception -------------------------------------------------------------------------------


def test_an_organisation_and_a_subject_are_enough_to_register(
    request_process: CompiledDefinition,
) -> None:
    assert required(request_process.opening) == {"organisation", "sujet"}
    assert request_process.opening.requirements == ()
    assert request_process.prefix == "DI"


def test_registering_more_than_one_business_day_after_reception_is_flagged(world: World) -> None:
    assert world.library.current("demande").definition.lag == "1 business day"
    form = {"organisation": "École", "sujet": "Stages"}
    soon = world.engine.open("demande", {**form, "recue_le": "2026-11-13"}, ADVISER)
    late = world.engine.open("demande", {**form, "recue_le": "2026-11-12"}, ADVISER)
    assert (soon.late, late.late) == (False, True)
    assert world.case(late.number).data["recue_le"].startswith("2026-11-12")


def test_the_same_request_by_two_channels_is_announced_then_merged(world: World) -> None:
    form = {"organisation": "École des mines", "sujet": "Stages"}
    first = world.engine.open("demande", form, ADVISER).number
    second = world.engine.open("demande", {**form, "organisation": "ECOLE DES MINES"}, ADVISER)
    assert second.probable_duplicates == (first,)
    world.do(second.number, "fusionner", doublon_de=first, motif_fermeture="Même lettre")
    assert world.case(second.number).number == first


@pytest.mark.parametrize(
    ("country", "languages"), [("Maroc", "fr+en"), ("Canada", "fr"), (None, "fr")]
)
def test_the_requester_is_answered_in_french_then_in_english_when_abroad(
    world: World, country: str | None, languages: str
) -> None:
    form = {"organisation": "École", "sujet": "Stages", "contact_courriel": "a@example.org"}
    world.engine.open("demande", {**form, "pays": country} if country else form, ADVISER)
    with world.database.read() as connection:
        assert connection.execute(select(deliveries.c.languages)).scalars().all() == [languages]


def test_nobody_is_acknowledged_without_an_address(world: World) -> None:
    world.engine.open("demande", {"organisation": "École", "sujet": "Stages"}, ADVISER)
    assert messages(world, "accuse_reception") == []


def test_a_correction_keeps_who_when_before_and_after(world: World) -> None:
    number = world.engine.open("demande", {"organisation": "Ecole", "sujet": "S"}, ADVISER).number
    assert refused(world, number, "corriger", organisation="École") == ["note_missing  note"]
    world.do(number, "corriger", organisation="École", note="Accent")
    last = world.events(number)[-1]
    assert last["actor"] == ADVISER.login
    assert last["body"]["changes"]["organisation"] == ["Ecole", "École"]


def test_notes_links_and_corrections_are_possible_in_any_open_state(
    request_process: CompiledDefinition,
) -> None:
    opened = {s.name for s in request_process.states.values() if s.outcome is None}
    for name in ("corriger", "noter", "lier"):
        action = request_process.actions[name]
        assert action.sources == opened
        assert action.hidden
        assert targets(action) == {None}


# --- recherche ----------------------------------------------------------------------------------


def test_research_is_mandatory_for_every_request(request_process: CompiledDefinition) -> None:
    here = [a for a in request_process.actions.values() if "enregistree" in a.sources]
    onward = {b.state for a in here for b in a.branches if b.state} - ENDINGS
    assert onward == {"recherche"}
    orient = request_process.actions["orienter"]
    assert [r.because["fr"] for r in orient.requirements] == [
        "La recherche est obligatoire pour chaque demande"
    ]


def test_nothing_found_is_allowed_and_explicit(request_process: CompiledDefinition) -> None:
    research = request_process.actions["rechercher"]
    assert "recherches.rien_trouve" in items(research)
    assert items(research)["recherches.rien_trouve"].field.type == "boolean"
    assert "recherches.source" in required(research)


@pytest.mark.parametrize(
    ("orientation", "expected", "task"),
    [
        ("rencontre", "rencontres", "planifier_rencontre"),
        ("ecrite", "precision", "preciser"),
        ("aucune", "precision", "preciser"),
        ("ailleurs", "a_transferer", "transferer"),
        ("fermer", "a_clore", "clore"),
    ],
)
def test_the_orientation_has_a_reason_and_drives_the_next_task(
    world: World, orientation: str, expected: str, task: str
) -> None:
    number = researched(world)
    assert refused(world, number, "orienter", orientation=orientation) == [
        "field_missing  orientation_motif"
    ]
    world.do(number, "orienter", orientation=orientation, orientation_motif="Pour voir")
    assert state(world, number) == expected
    assert world.library.current("demande").definition.states[expected].main == task


def test_an_orientation_can_be_reconsidered(world: World) -> None:
    number = oriented(world, "fermer")
    world.do(number, "reorienter", orientation="ecrite", orientation_motif="Nouvelle lettre")
    assert state(world, number) == "precision"


def researched(world: World) -> str:
    form = {"organisation": "École", "sujet": "Stages", "contact_courriel": "a@example.org"}
    number = world.engine.open("demande", form, ADVISER).number
    world.engine.take(world.id(number), ADVISER)
    world.do(number, "rechercher", recherches__source="Web", recherches__rien_trouve="oui")
    return number


def oriented(world: World, orientation: str) -> str:
    number = researched(world)
    world.do(number, "orienter", orientation=orientation, orientation_motif="Pour voir")
    return number


# --- 2. Précision -------------------------------------------------------------------------------

MEETING = {
    "rencontres.le": "2026-11-20T10:00",
    "rencontres.mode": "visio",
    "rencontres.pour_organisation": "A. Berrada",
    "rencontres.pour_institut": "Conseillère A",
}


def planned(world: World, number: str, **more: str) -> str:
    form = {**MEETING, **{f"rencontres.{k}": v for k, v in more.items()}}
    return world.engine.advance(
        world.id(number), "planifier_rencontre", form, ADVISER
    ).children[0]  # fmt: skip


def test_a_meeting_names_somebody_on_each_side_a_date_and_a_mode(
    request_process: CompiledDefinition, meeting: CompiledDefinition
) -> None:
    wanted = {"le", "mode", "pour_organisation", "pour_institut"}
    plan = request_process.actions["planifier_rencontre"]
    assert required(plan) == {f"rencontres.{name}" for name in wanted}
    assert wanted <= required(meeting.opening)
    assert plan.opens is not None
    assert plan.opens.process == "rencontre"


def test_a_meeting_is_planned_then_held_cancelled_or_missed(meeting: CompiledDefinition) -> None:
    assert set(meeting.outcomes) == {"tenue", "annulee", "absence"}
    assert meeting.actions["annuler"].notify == ("annulation", "annulation_agenda")


def test_several_meetings_are_possible_and_none_may_be_left_open(world: World) -> None:
    number = oriented(world, "rencontre")
    first = planned(world, number)
    second = planned(world, number)
    world.do(first, "constater_absence", motif="Personne")
    assert any("encore à tenir" in r for r in refused(world, number, "terminer_rencontres"))
    world.do(second, "tenir", compte_rendu="Tout est dit")
    world.do(number, "terminer_rencontres")
    precise(world, number)
    third = planned(world, number)
    assert any("encore à tenir" in r for r in refused(world, number, "conclure_precision"))
    world.do(third, "annuler", motif="Inutile")
    world.do(number, "conclure_precision")
    assert state(world, number) == "categorisation"


@pytest.mark.parametrize(
    ("duration", "minutes"), [(None, 60), ("demi_heure", 30), ("deux_heures", 120)]
)
def test_one_invitation_of_the_right_length_goes_to_the_contact_and_to_the_planner(
    world: World, duration: str | None, minutes: int
) -> None:
    number = oriented(world, "rencontre")
    planned(world, number, **({"duree": duration} if duration else {}))
    sent = [m for n in (30, 60, 120) for kind in ("invitation", "agenda")
            for m in messages(world, f"{kind}_{n}")]  # fmt: skip
    assert [m["recipient"] for m in sent] == ["address:a@example.org", "staff:conseillere"]
    assert {m["facts"]["calendar"]["minutes"] for m in sent} == {minutes}


def test_a_meeting_that_is_moved_is_due_after_its_new_date(world: World) -> None:
    meeting = planned(world, oriented(world, "rencontre"))
    before = world.case(meeting).row.due_at
    world.do(meeting, "deplacer", le="2026-12-01T10:00")
    row = world.case(meeting).row
    assert row.state == "planifiee"
    assert row.due_at is not None
    assert before is not None
    assert row.due_at > before


def test_a_request_is_not_closed_over_an_open_meeting(world: World) -> None:
    number = oriented(world, "rencontre")
    meeting = planned(world, number)
    assert any("encore à tenir" in r for r in
               refused(world, number, "abandonner", motif_fermeture="Silence"))  # fmt: skip
    world.do(meeting, "annuler", motif="Silence")
    world.do(number, "abandonner", motif_fermeture="Silence")
    assert state(world, number) == "abandonnee"


def test_the_five_precisions_stand_in_the_order_of_the_text(
    request_process: CompiledDefinition,
) -> None:
    assert tuple(items(request_process.actions["preciser"])) == PRECISIONS
    assert tuple(request_process.checklists["precisions"].items) == PRECISIONS
    fields = [name for name in request_process.fields if name in PRECISIONS]
    assert tuple(fields) == PRECISIONS


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_precision_is_a_value_or_not_obtained_with_a_reason(
    request_process: CompiledDefinition, name: str
) -> None:
    field = request_process.fields[name]
    assert field.normalise({"missing": "Sans réponse"}) == {"missing": "Sans réponse"}
    with pytest.raises(FieldError):
        field.normalise({"missing": " "})


def test_precisions_are_given_together_or_one_by_one_with_or_without_a_meeting(
    world: World,
) -> None:
    number = oriented(world, "aucune")
    for name in PRECISIONS:
        assert any(f"checklist_item {label(world, name)} {name}" in r for r in
                   refused(world, number, "conclure_precision"))  # fmt: skip
        world.do(number, "preciser", **{name: "Dit"})
    world.do(number, "conclure_precision")
    assert state(world, number) == "categorisation"


def label(world: World, field: str) -> str:
    return world.library.current("demande").definition.fields[field].label["fr"]


def test_the_schedule_stays_revisable_and_its_versions_are_kept(
    request_process: CompiledDefinition,
) -> None:
    early, late = (request_process.actions[n] for n in ("preciser", "reviser_echeancier"))
    after = {"categorisation", "dossier", "decision", "prete", "diffusee", "diffusion_incomplete"}
    assert after | {"suivi_a_conclure"} <= early.sources | late.sources
    assert late.note_required


def test_waiting_for_the_requester_pauses_ageing_and_asks_to_remind_them(world: World) -> None:
    number = oriented(world, "ecrite")
    world.do(number, "attendre_demandeur", attendu_du_demandeur="Le plan de cours")
    row = world.case(number).row
    assert row.state == "attente_demandeur"
    assert row.waiting_since is not None
    for days, sent in ((7, 1), (14, 2), (21, 3), (25, 3)):
        world.clock.set(datetime(2026, 11, 16, 15, 0, tzinfo=UTC) + timedelta(days=days))
        world.tick()
        assert len(messages(world, "relance")) == sent
    world.do(number, "reprendre")
    assert state(world, number) == "precision"
    assert world.case(number).row.waited_days > 0


def test_waiting_does_not_skip_the_orientation(world: World) -> None:
    number = researched(world)
    world.do(number, "attendre_demandeur", attendu_du_demandeur="Une adresse")
    world.do(number, "reprendre")
    assert state(world, number) == "recherche"


# --- 3. Catégorisation --------------------------------------------------------------------------


def categorising(world: World) -> str:
    number = oriented(world, "aucune")
    precise(world, number)
    world.do(number, "conclure_precision")
    return number


def test_there_is_no_category_before_the_precisions(request_process: CompiledDefinition) -> None:
    assert request_process.actions["categoriser"].sources == {"categorisation"}
    ways = [a for a in request_process.actions.values() if "categorisation" in targets(a)]
    assert [a.name for a in ways] == ["conclure_precision"]
    assert "precisions" in ways[0].requirements[0].checklists


def test_there_are_exactly_three_categories_and_each_needs_a_rationale(
    request_process: CompiledDefinition,
) -> None:
    assert set(request_process.fields["categorie"].options) == CATEGORIES
    assert set(request_process.fields["categorie_proposee"].options) == CATEGORIES
    form = request_process.actions["categoriser"]
    assert required(form) == {"categorie", "categorie_motif"}
    assert "criteres_secondaires" in items(form)


@pytest.mark.parametrize(
    ("months", "proposed"),
    [
        (1, "court_terme"),
        (12, "court_terme"),
        (13, "moyen_terme"),
        (36, "moyen_terme"),
        (37, "long_terme"),
        (600, "long_terme"),
    ],
)
def test_the_months_only_propose_a_category_that_a_person_confirms(
    world: World, months: int, proposed: str
) -> None:
    number = categorising(world)
    world.do(number, "evaluer_horizon", horizon_mois=months)
    data = world.case(number).data
    assert data["categorie_proposee"] == proposed
    assert "categorie" not in data
    assert state(world, number) == "categorisation"


@pytest.mark.parametrize(
    ("category", "days"), [("court_terme", 10), ("moyen_terme", 15), ("long_terme", 20)]
)
def test_each_category_has_its_predetermined_treatment(
    world: World, category: str, days: int
) -> None:
    number = categorising(world)
    world.do(number, "categoriser", categorie=category, categorie_motif="Voilà")
    data = world.case(number).data
    assert data["delai_diffusion"] == 2
    assert data["periode_reponse"] == days
    assert data["gabarit"] == f"fiche_{category}"
    options = world.library.current("demande").definition.fields["gabarit"].options
    assert data["gabarit"] in options


def test_no_opportunity_is_a_closing_with_a_reason(world: World) -> None:
    number = categorising(world)
    assert refused(world, number, "classer_sans_opportunite") == ["field_missing  motif_fermeture"]
    world.do(number, "classer_sans_opportunite", motif_fermeture="Rien pour le Québec")
    assert state(world, number) == "sans_opportunite"


def test_recategorising_keeps_before_after_who_and_why(world: World) -> None:
    number = categorising(world)
    world.do(number, "categoriser", categorie="court_terme", categorie_motif="Vite")
    again = {"categorie": "long_terme", "categorie_motif": "Budget reporté"}
    assert refused(world, number, "recategoriser", **again) == ["note_missing  note"]
    world.do(number, "recategoriser", **again, note="Lettre du 12")
    event = next(e for e in reversed(world.events(number)) if e["action"] == "recategoriser")
    assert event["body"]["changes"]["categorie"] == ["court_terme", "long_terme"]
    assert event["body"]["note"] == "Lettre du 12"


def test_the_orders_concerned_are_information_never_a_filter(
    request_process: CompiledDefinition,
) -> None:
    assert set(request_process.fields["ordres"].options) == {"fp", "collegial", "universitaire"}
    assert "ordres" not in required(request_process.actions["categoriser"])
    diffusion = request_process.notifications["diffusion"]
    assert (diffusion.kind, diffusion.target, diffusion.when) == ("roster", "reseau", None)


# --- 4. Diffusion -------------------------------------------------------------------------------


def test_nothing_internal_is_in_a_message_that_leaves(
    request_process: CompiledDefinition, meeting: CompiledDefinition
) -> None:
    for definition in (request_process, meeting):
        for notification in definition.notifications.values():
            leaving = notification.fields if notification.outside else ()
            assert not [f for f in leaving if definition.fields[f].internal]
    internal = {n for n, f in request_process.fields.items() if f.internal}
    assert {"resume", "notes", "recherches", "categorie_motif", "criteres_secondaires"} <= internal
    assert internal >= set(PRECISIONS)


def test_no_word_of_an_internal_note_is_in_what_the_network_reads(world: World) -> None:
    number = ready_to_diffuse(world, resume="SECRET-A")
    world.do(number, "noter", notes__texte="SECRET-B")
    world.do(number, "diffuser", note="SECRET-C")
    said = json.dumps([m["facts"] for m in messages(world, "diffusion")])
    assert "SECRET" not in said
    assert "pas de réponse" not in said


def test_completeness_is_a_visible_checklist_and_the_task_appears_by_itself(
    world: World,
) -> None:
    number = categorising(world)
    world.do(number, "categoriser", categorie="court_terme", categorie_motif="Vite")
    assert state(world, number) == "dossier"
    with world.engine.looking_at(world.id(number)) as outlook:
        dossier = outlook.checklists()[0][1]
    assert [key for key, _, done, _ in dossier if not done] == ["fiche"]
    assert any("wrong_state" in r for r in refused(world, number, "diffuser"))
    world.do(number, "preparer_fiche", fiche_titre="T", fiche_besoins="B")
    row = world.case(number).row
    assert row.state == "prete"
    assert due(world, number) == date(2026, 11, 18)


def due(world: World, number: str) -> date:
    micros = world.case(number).row.due_at
    assert micros is not None
    return world.calendar.today(datetime.fromtimestamp(micros / 1e6, tz=UTC))


def test_a_confidential_request_waits_for_the_directors_decision(world: World) -> None:
    number = ready_to_diffuse(world, confidentielle="oui")
    assert state(world, number) == "decision"
    assert world.case(number).row.desk == "@direction"
    assert {m["recipient"] for m in messages(world, "decision_attendue")} == {"staff:directrice"}
    yes = {"decision_confidentialite": "diffuser", "decision_motif": "Accord"}
    assert any("role" in r for r in refused(world, number, "decider", **yes))
    world.do(number, "decider", DIRECTOR, **yes)
    assert state(world, number) == "prete"


def test_another_sheet_of_a_confidential_request_needs_another_decision(world: World) -> None:
    number = ready_to_diffuse(world, confidentielle="oui")
    world.do(number, "decider", DIRECTOR, decision_confidentialite="diffuser", decision_motif="Oui")
    world.do(number, "preparer_fiche", fiche_besoins="Former davantage")
    assert state(world, number) == "decision"


def test_a_request_found_confidential_at_the_last_moment_is_not_ready_any_more(
    world: World,
) -> None:
    number = ready_to_diffuse(world)
    world.do(number, "corriger", confidentielle="oui", note="Courriel du demandeur")
    assert state(world, number) == "decision"


def test_a_request_that_the_director_keeps_back_may_be_closed_as_refused(world: World) -> None:
    number = oriented(world, "fermer")
    closing = {"issue": "refusee", "motif_fermeture": "Non"}
    assert any("décision de la direction" in r for r in refused(world, number, "clore", **closing))
    kept = ready_to_diffuse(world, confidentielle="oui")
    world.do(kept, "decider", DIRECTOR, decision_confidentialite="retenir", decision_motif="Non")
    assert state(world, kept) == "a_clore"
    world.do(kept, "clore", **closing)
    assert state(world, kept) == "refusee"


def test_diffusion_is_one_batch_to_every_member_and_nobody_chooses(
    request_process: CompiledDefinition, world: World
) -> None:
    assert request_process.notifications["diffusion"].batch
    assert {item.name for item in request_process.actions["diffuser"].form} == {"diffuser_le"}
    assert request_process.actions["diffuser"].confirm
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    sent = messages(world, "diffusion")
    assert len({m["id"] for m in sent}) == 1
    assert len({m["recipient"] for m in sent}) == 3


def test_diffusion_takes_place_in_business_hours_only(world: World) -> None:
    number = ready_to_diffuse(world)
    world.clock.set(datetime(2026, 11, 16, 23, 0, tzinfo=UTC))
    assert any("heures d'ouverture" in r for r in refused(world, number, "diffuser"))


def test_the_deadline_is_the_same_for_all_and_said_in_the_message(world: World) -> None:
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    assert world.case(number).data["date_limite"] == "2026-11-30"
    facts = messages(world, "diffusion")[0]["facts"]
    text = Renderer(INSTITUTE).render("demande/diffusion", ["fr"], facts)["text"]
    assert "30\u00a0novembre 2026" in text
    assert "la même information est transmise au même moment à tous les établissements" in text
    assert INSTITUTE.email in text


def test_an_organisation_that_objects_is_not_named(world: World) -> None:
    number = ready_to_diffuse(world)
    world.do(number, "preparer_fiche", fiche_anonyme="oui")
    world.do(number, "diffuser")
    facts = messages(world, "diffusion")[0]["facts"]
    for lang in ("fr", "en"):
        content = Renderer(INSTITUTE).render("demande/diffusion", [lang], facts)
        assert "Office minier" not in json.dumps(content, ensure_ascii=False)
        assert "Une occasion" in content["text"]


def test_it_is_diffused_only_when_every_message_is_accepted(world: World) -> None:
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    settle(world, number, left=1)
    assert state(world, number) == "diffusion_a_regler"
    assert {m["recipient"] for m in messages(world, "diffusion_bloquee")} == {"staff:conseillere"}
    settle(world, number)
    assert state(world, number) == "diffusee"


def test_an_incomplete_diffusion_is_a_named_exception_and_never_called_diffused(
    world: World,
) -> None:
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    settle(world, number, left=1)
    accepted = {"exception_motif": "Boîte pleine"}
    assert any("role" in r for r in refused(world, number, "accepter_incomplet", **accepted))
    world.do(number, "accepter_incomplet", DIRECTOR, **accepted)
    assert state(world, number) == "diffusion_incomplete"
    after_deadline(world)
    world.do(number, "conclure_suivi", note="Terminé")
    assert state(world, number) == "terminee_incomplete"
    states = world.library.current("demande").definition.states
    assert "Diffusée" not in states["terminee_incomplete"].label["fr"]


def test_a_member_without_an_address_blocks_or_is_a_named_exception(world: World) -> None:
    number = ready_to_diffuse(world)
    without_address(world)
    assert any("n'a pas d'adresse" in r for r in refused(world, number, "diffuser"))
    world.do(
        number, "accorder_exception", DIRECTOR, exception_adresse="oui", exception_motif="Fusion"
    )
    world.do(number, "diffuser")
    settle(world, number)
    assert state(world, number) == "diffusion_incomplete"


def test_an_exception_that_is_needed_no_more_is_lifted_first(world: World) -> None:
    number = ready_to_diffuse(world)
    world.do(
        number, "accorder_exception", DIRECTOR, exception_adresse="oui", exception_motif="Fusion"
    )
    assert any("plus d'objet" in r for r in refused(world, number, "diffuser"))
    world.do(number, "lever_exception")
    world.do(number, "diffuser")
    settle(world, number)
    assert state(world, number) == "diffusee"


def without_address(world: World) -> None:
    from engine import roster

    with world.database.write() as connection:
        roster.add(
            connection,
            "reseau",
            roster.NewMember(name="Sans adresse", category="FP", contacts=()),
            joined_on=world.calendar.today(world.clock.now()),
            actor="system",
            at=world.clock.now(),
        )


# --- suivi --------------------------------------------------------------------------------------


def after_deadline(world: World) -> None:
    world.clock.set(datetime(2026, 12, 1, 15, 0, tzinfo=UTC))
    world.tick()


def test_the_way_to_an_interest_is_the_diffusion_not_another_way_of_recording_it(
    world: World,
) -> None:
    number = ready_to_diffuse(world)
    ways = {o.action.name: o.way for o in world.engine.options(world.id(number), ADVISER)}
    for action in ("consigner_interet", "consigner_interet_tardif"):
        assert [step.action for step in ways[action] or ()] == ["diffuser", "confirmer_diffusion"]


def test_interest_is_recorded_by_establishment_and_late_interest_is_flagged(world: World) -> None:
    number = diffused(world)
    assert required(world.library.current("demande").definition.actions["consigner_interet"]) == {
        "interets.etablissement",
        "interets.nature",
    }
    on_time = {"interets__etablissement": "Établissement 01", "interets__nature": "intéressé"}
    world.do(number, "consigner_interet", **on_time)
    after_deadline(world)
    assert state(world, number) == "suivi_a_conclure"
    late = {"interets__etablissement": "Établissement 02", "interets__nature": "interesse"}
    assert any("wrong_state" in r for r in refused(world, number, "consigner_interet", **late))
    assert refused(world, number, "consigner_interet_tardif", **late) == [
        "field_missing  interets.motif_retard"
    ]
    world.do(number, "consigner_interet_tardif", **late, interets__motif_retard="Congé")
    assert len(world.case(number).data["interets"]) == 2


@pytest.mark.parametrize(
    ("action", "message", "form"),
    [
        (
            "repondre_a_tous",
            "reponse_reseau",
            {"suites__question": "Quand?", "suites__reponse": "En mai"},
        ),
        ("rectifier", "erratum", {"suites__erratum_texte": "40", "suites__rectification": "60"}),
        ("retirer", "avis_retrait", {"motif_fermeture": "SECRET"}),
    ],
)
def test_what_is_said_to_one_is_said_to_exactly_those_who_had_the_sheet(
    world: World, action: str, message: str, form: dict[str, str]
) -> None:
    number = diffused(world)
    had = {m["recipient"] for m in messages(world, "diffusion")}
    without_address(world)
    world.do(number, action, **form)
    sent = messages(world, message)
    assert {m["recipient"] for m in sent} == had
    assert all(m["batch"] for m in sent)
    content = Renderer(INSTITUTE).render(sent[0]["template"], ["fr", "en"], sent[0]["facts"])
    assert "SECRET" not in json.dumps(content)


def test_the_network_is_reminded_all_together_or_not_at_all(
    request_process: CompiledDefinition,
) -> None:
    timer = request_process.timers["rappel_interets"]
    notification = request_process.notifications["rappel_interets"]
    assert (notification.kind, notification.target) == ("recipients_of", "diffusion")
    assert notification.without == "interets.etablissement"
    assert notification.batch
    assert timer.late == "skip"


def test_a_follow_up_ends_as_diffused(world: World) -> None:
    number = diffused(world)
    after_deadline(world)
    world.do(number, "conclure_suivi", note="Deux établissements en contact")
    assert state(world, number) == "terminee"


# --- endings, reopening, reminders --------------------------------------------------------------


def test_every_ending_is_counted_apart_and_has_a_reason(
    request_process: CompiledDefinition,
) -> None:
    assert set(request_process.outcomes) == ENDINGS
    assert all(s.outcome == s.name for s in request_process.states.values() if s.outcome)
    for action in request_process.actions.values():
        if targets(action) & ENDINGS:
            assert action.note_required or "motif_fermeture" in required(action), action.name
            assert request_process.states[next(iter(action.sources))].outcome is None


def test_a_merged_number_leads_to_the_other(request_process: CompiledDefinition) -> None:
    assert request_process.states["fusionnee"].redirect == "doublon_de"
    assert required(request_process.actions["fusionner"]) == {"doublon_de", "motif_fermeture"}


@pytest.mark.parametrize("ending", sorted(ENDINGS - {"fusionnee"}))
def test_an_ended_request_is_reopened_with_a_reason(
    request_process: CompiledDefinition, ending: str
) -> None:
    reopen = request_process.actions["rouvrir"]
    assert ending in reopen.sources
    assert required(reopen) == {"motif_reouverture"}
    assert reopen.roles == {"conseiller", "direction"}


def test_a_reopened_request_is_oriented_and_decided_afresh(world: World) -> None:
    number = diffused(world)
    after_deadline(world)
    world.do(number, "conclure_suivi", note="Fini")
    world.do(number, "rouvrir", motif_reouverture="Nouvelle lettre")
    data = world.case(number).data
    assert state(world, number) == "recherche"
    assert not {"orientation", "date_limite", "decision_confidentialite"} & set(data)


def test_refusing_is_the_directors(request_process: CompiledDefinition) -> None:
    assert request_process.actions["refuser"].roles == {"direction"}


@pytest.mark.parametrize(
    ("timer", "rule", "kind", "target"),
    [
        ("rappel_echeance", {"before": "1 business day"}, "people", ("owner",)),
        ("retard", {"after": "1 business day"}, "people", ("owner",)),
        ("escalade_substitut", {"after": "3 business days"}, "people", ("substitute",)),
        ("escalade_direction", {"after": "5 business days"}, "role", "direction"),
    ],
)
def test_the_owner_is_reminded_then_the_substitute_then_the_director(
    request_process: CompiledDefinition,
    timer: str,
    rule: dict[str, str],
    kind: str,
    target: Any,
) -> None:
    found = request_process.timers[timer]
    written = {k: found.explain.get(k) for k in ("of", "hour", *rule)}
    assert written == {"of": "due", "hour": "08:30", **rule}
    # What warns of a due date says nothing any more once it has passed.
    assert found.late == ("skip" if "before" in rule else "once")
    assert found.states == {n for n, s in request_process.states.items() if s.outcome is None}
    notification = request_process.notifications[found.notify[0]]
    assert notification.kind == kind
    assert (notification.people or notification.target) == target


def test_a_request_that_nobody_took_is_not_forgotten(world: World) -> None:
    world.engine.open("demande", {"organisation": "École", "sujet": "Stages"}, ADVISER)
    world.clock.set(datetime(2026, 11, 19, 15, 0, tzinfo=UTC))
    world.tick()
    told = {m["recipient"] for m in messages(world, "avis_equipe")}
    assert told == {"staff:conseillere", "staff:conseiller2"}


def test_every_open_state_says_what_to_do_and_by_when(
    request_process: CompiledDefinition,
) -> None:
    opened = [s for s in request_process.states.values() if s.outcome is None]
    assert [s.name for s in opened if s.task is None or s.due is None] == []


def test_whoever_is_given_a_case_is_told(
    request_process: CompiledDefinition, meeting: CompiledDefinition
) -> None:
    for definition in (request_process, meeting):
        told = definition.notifications["attribution"]
        assert (told.template, told.people) == ("assigned", ("owner",))
