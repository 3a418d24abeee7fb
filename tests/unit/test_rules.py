"""Rules of definitions as sentences, in both languages."""

import pytest

from engine.definition import model, source
from inbox import process_text, rules, texts
from tests.support.world import EXAMPLES, WORKFLOWS

FIELDS = """
  montant: {type: integer, label: {fr: Montant, en: Amount}}
  limite: {type: integer, label: {fr: Limite, en: Limit}}
  remis_le: {type: date, label: {fr: Remis le, en: Handed in on}}
  date_fin: {type: date, label: {fr: Date de fin, en: Date of the end}}
  urgence: {type: choice, label: {fr: Urgence, en: Urgency}, options: {haute: {fr: Haute, en: High}, basse: {fr: Basse, en: Low}}}
  notes: {type: records, label: {fr: Notes, en: Notes}, of: {texte: {type: text, label: {fr: Texte, en: Text}}}}
"""


@pytest.fixture(autouse=True)
def french_again():
    yield
    texts.use("fr")


@pytest.fixture
def definition():
    text = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
    fields = source.read("fields:" + FIELDS, "fields").tree["fields"]
    tree = source.read(text, "commande").tree
    return model.Definition.model_validate({**tree, "fields": {**tree["fields"], **fields}})


def plain(text):
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("rule", "french", "english"),
    [
        ({"of": "due", "before": "3 business days", "hour": "08:30", "on_business_day": "backward"},
         "3 jours ouvrables avant l'échéance, à 8 h 30, ramené à un jour ouvrable",
         "3 business days before the due date, at 08:30, moved back to a business day"),
        ({"of": "date_fin", "after": "1 month", "on_business_day": "forward"},
         "1 mois après la date de fin, reporté à un jour ouvrable",
         "1 month after the date of the end, moved on to a business day"),
        ({"of": "remis_le", "after": "2 months"}, "2 mois après la date « Remis le »",
         "2 months after the date “Handed in on”"),
        ({"of": "now", "after_field": "montant", "unit": "weeks"},
         "autant de semaines que le dit « Montant », après ce moment",
         "as many weeks as “Amount” says, after that moment"),
        ({"of": "remis_le", "else": "now", "after": "2 months"},
         "2 mois après la date « Remis le » (ou ce moment, sans elle)",
         "2 months after the date “Handed in on” (or that moment, without it)"),
        ({"of": "opened"}, "à l'ouverture du dossier", "at the opening of the case"),
    ],
)  # fmt: skip
def test_a_date_rule_is_a_sentence(definition, rule, french, english):
    when = model.When.model_validate(rule)
    assert plain(rules.moment(when, definition)) == french
    texts.use("en")
    assert rules.moment(when, definition) == english


def test_a_repeating_timer_says_how_often(definition):
    timer = model.Timer.model_validate({
        "label": {"fr": "R", "en": "R"}, "in": "open", "at": {"of": "entered", "after": "1 day"},
        "repeat": {"every": "5 business days", "times": 3}, "only": {"present": "montant"},
    })  # fmt: skip
    assert plain(rules.timer(timer, definition)) == (
        "1 jour après l'entrée dans cet état, répété après 5 jours ouvrables, 3 fois en tout, "
        "seulement si « Montant » est rempli"
    )


@pytest.mark.parametrize(
    ("condition", "french"),
    [
        ({"not": {"all": [{"present": "montant"}, {"obtained": "limite"}]}},
         "« Montant » n'est pas rempli ou « Limite » n'est pas obtenu"),
        ({"all": [{"any": [{"present": "montant"}, {"present": "limite"}]}, {"within": "business_day"}]},
         "(« Montant » est rempli ou « Limite » est rempli) et c'est un jour ouvrable"),
        ({"compare": {"field": "montant", "at_least": 5, "at_most": 9}},
         "« Montant » vaut au moins 5 et « Montant » vaut au plus 9"),
        ({"not": {"compare": {"field": "montant", "at_least": 5, "at_most": 9}}},
         "« Montant » vaut moins de 5 ou « Montant » vaut plus de 9"),
        ({"compare": {"field": "montant", "at_least_field": "limite"}},
         "« Montant » vaut au moins « Limite »"),
        ({"compare": {"field": "urgence", "one_of": ["haute", "basse"]}},
         "« Urgence » est « Haute » ou « Basse »"),
        ({"compare": {"field": "notes.texte", "not_equals": "x"}}, "« Texte » n'est pas x"),
        ({"compare": {"field": "notes", "count_at_least": 2}}, "« Notes » compte au moins 2"),
        ({"compare": {"field": "remis_le", "before": {"of": "due"}}},
         "« Remis le » vient avant l'échéance"),
        ({"compare": {"field": "remis_le", "not_before": "2026-04-01"}},
         "« Remis le » ne vient pas avant le 1er avril 2026"),
        ({"compare": {"field": "remis_le", "before": {"of": "opened", "after": "2 days"}}},
         "« Remis le » vient avant le jour que voici (2 jours après l'ouverture du dossier)"),
        ({"children": {"process": "lot", "all": "ended", "at_least": 2}},
         "chaque dossier enfant (lot) est fermé et le nombre de dossiers enfants (lot) est d'au moins 2"),
        ({"not": {"children": {"outcome": "livre"}}}, "un dossier enfant (livre) n'a pas fini ainsi"),
        ({"within": {"calendar": "business_hours", "field": "remis_le"}},
         "« Remis le » tombe pendant les heures d'ouverture"),
        ({"not": {"within": {"calendar": "business_day", "field": "remis_le"}}},
         "« Remis le » ne tombe pas un jour ouvrable"),
        ({"ahead": {"field": "remis_le", "at_most": "30 days"}},
         "« Remis le » est à venir, dans 30 jours au plus"),
        ({"not": {"ahead": {"field": "remis_le"}}}, "« Remis le » n'est pas à venir"),
        ({"actor": "not_owner"}, "c'est quelqu'un d'autre que le responsable qui agit"),
        ({"not": {"audience": {"roster": "reseau", "is": "reachable"}}},
         "un membre actif du répertoire « reseau » n'a pas d'adresse"),
    ],
)  # fmt: skip
def test_a_condition_is_a_sentence_and_so_is_its_contrary(definition, condition, french):
    assert plain(rules.condition(model.Condition.model_validate(condition), definition)) == french


@pytest.mark.parametrize(
    ("to", "french"),
    [
        ({"address": "fournisseur"}, "à l'adresse « Fournisseur »"),
        ({"role": "chef"}, "à chaque personne qui a le rôle « Chef »"),
        ({"people": ["owner", "substitute"]}, "au responsable, à son substitut"),
        ({"roster": "reseau"}, "à chaque membre actif du répertoire « reseau »"),
        ({"recipients_of": ["bon", "rappel"], "without": "notes.texte"},
         "à ceux qui ont eu « Bon de commande » ou « Rappel », sauf ceux que nomme déjà « Notes »"),
    ],
)  # fmt: skip
def test_whom_a_message_goes_to_is_a_sentence(definition, to, french):
    assert plain(rules.recipients(model.Recipients.model_validate(to), definition)) == french


def test_whom_a_batch_goes_to_besides_is_a_sentence_and_stands_beside_the_others():
    written = model.Definition.model_validate(
        source.read((WORKFLOWS / "demande.yaml").read_text(encoding="utf-8"), "demande").tree
    )
    assert rules.newcomers(written.notifications["diffusion"], written) is None
    told = process_text.message(written, "erratum")["newcomers"]
    assert told["template"] == "demande/erratum_new"
    assert plain(told["to"]).startswith(
        "à chaque membre actif du répertoire « reseau » qui n'a pas eu « Diffusion au réseau »"
    )
    lines = [plain(line) for line in dict(process_text.sections(written))["Courrier"]]
    assert any(line.strip().endswith(plain(told["to"])) for line in lines)
    assert any("un seul envoi, deux contenus" in line for line in lines)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "path", [*sorted(WORKFLOWS.glob("*.yaml")), EXAMPLES / "commande.yaml", EXAMPLES / "lot.yaml"],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_every_process_can_be_read_whole(path, language):
    texts.use(language)
    written = model.Definition.model_validate(
        source.read(path.read_text(encoding="utf-8"), path.name).tree
    )
    said = dict(process_text.sections(written))
    assert len(said) >= 2
    assert not [line for lines in said.values() for line in lines if "{" in line]
