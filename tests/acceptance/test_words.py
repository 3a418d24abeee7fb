"""What people read is in words: dates, rules, actions, records; never a key, never a dump."""

import csv
import io
from datetime import datetime

import openpyxl
import pytest

from tests.acceptance.test_command import NAMED
from tests.support.commands import complete


@pytest.fixture
def request_(inbox):
    inbox(*NAMED, "--country", "Maroc", "--received", "2026-11-09")
    inbox("take", "1")
    return inbox


def plain(text):
    return text.replace("\u00a0", " ")


def diffused(inbox):
    """Bring the first case to its diffusion, with one establishment that has an address."""
    inbox("partners", "add", "Cégep A", "--order", "collégial", "--email", "a@example.org")
    complete(inbox)
    inbox("do", "1", "diffuser", "--yes")
    inbox("tick")


def test_why_says_the_rules_of_dates_as_sentences(request_):
    said = plain(request_("why", "1"))
    assert "2 jours ouvrables après l'ouverture du dossier" in said
    assert "1 jour ouvrable avant l'échéance, à 8 h 30" in said
    english = request_("why", "1", "--lang", "en")
    assert "1 business day before the due date, at 08:30" in english
    for key in ("before", "unit", "business days,", "of due"):
        assert key not in said
    diffused(request_)
    said = plain(request_("why", "1"))
    assert "3 jours ouvrables avant la date limite pour manifester un intérêt, à 10 h 00" in said
    assert "1 minute après la date limite pour manifester un intérêt" in said
    assert request_.json("why", "1")["due_rule"].startswith("à la date limite")


def test_a_refusal_names_actions_in_words_and_instants_in_local_time(request_):
    refused = plain(request_.run("do", "1", "diffuser", code=1).stderr)
    assert "« Diffuser à tout le réseau » n'est pas possible" in refused
    assert "(dernier geste : prendre, par direction, 16 novembre 2026, 10 h 00)" in refused
    assert "UTC" not in refused
    assert "« prendre » n'est pas possible" in plain(request_.run("take", "1", code=1).stderr)
    missing = plain(request_.run("register", "--organisation", "X", code=1).stderr)
    assert "« Inscrire au registre » n'est pas possible" in missing
    late = request_.run("do", "1", "noter", "--set", "texte=x", "--if-version", "1", code=3)
    assert "a fait « prendre »" in plain(late.stderr)
    assert "(16 novembre 2026, 10 h 00)" in plain(late.stderr)
    english = request_.run("take", "1", "--lang", "en", code=1).stderr
    assert "take" in english


def test_what_a_record_holds_is_said_with_its_labels(request_):
    request_("do", "1", "rechercher", "--set", "source=Site de l'école", "--set", "rien_trouve=oui")
    record = "Source consultée : Site de l'école; Rien trouvé : oui (direction, 16 novembre 2026)"
    for words in (["show", "1"], ["history", "1"]):
        assert record in plain(request_(*words))


def test_history_keeps_the_order_of_the_definition(request_):
    opening = request_("history", "1").splitlines()
    fields = [line.split("\u00a0")[0].strip() for line in opening[2:6]]
    assert fields == ["Organisation", "Sujet", "Pays", "Reçue le"]


def test_how_long_a_request_waited_to_be_registered_is_shown(request_):
    said = plain(request_("show", "1"))
    assert (
        "Reçue le 9 novembre 2026, inscrite le 16 novembre 2026, 10 h 00 : "
        "5 jours ouvrables plus tard — trop tard (1 jour ouvrable au plus)"
    ) in said
    assert "0 h 00" not in said.replace("10 h 00", "")
    shown = request_.json("show", "1")
    assert (shown["received"][:10], shown["lag_business_days"], shown["late"]) == (
        "2026-11-09", 5, True,
    )  # fmt: skip
    request_("do", "1", "corriger", "--set", "recue_le=2026-11-16T09:30", "--note", "x")
    shown = request_.json("show", "1")
    assert (shown["lag_business_days"], shown["late"]) == (0, False)
    assert "trop tard" not in request_("show", "1")
    request_(*NAMED)
    assert request_.json("show", "2")["lag_business_days"] is None


def test_the_exported_register_sorts_and_adds_up(request_, tmp_path):
    request_("assign", "1", "--to", "conseillere")
    request_("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    request_("register", "--organisation", "-1+1", "--subject", "S")
    for name in ("r.xlsx", "r.csv"):
        request_("export", str(tmp_path / name))
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    headings, first, second = ([c.value for c in row] for row in sheet.iter_rows())
    assert len(set(headings)) == len(headings)
    assert "Type d'entente recherchée (entente)" in headings
    assert "Type d'entente recherchée (fiche_entente)" in headings
    row = dict(zip(headings, first, strict=True))
    assert row["Inscrite le"].isoformat() == "2026-11-16T10:00:00"
    assert row["Reçue le"].isoformat() == "2026-11-09T00:00:00"
    assert isinstance(row["Échéance"], datetime)
    assert row["Responsable"] == "Conseillere"
    assert row["Délai d'inscription (jours ouvrables)"] == 5
    assert row["Inscrite trop tard"] == "oui"
    assert row["Âge (jours ouvrables)"] == 0
    assert plain(row["Recherches"]).startswith("Source consultée : Web; Rien trouvé : oui (")
    assert dict(zip(headings, second, strict=True))["Organisation"] == "'-1+1"
    raw = (tmp_path / "r.csv").read_bytes().decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(raw), delimiter=";"))
    row = dict(zip(lines[0], lines[1], strict=True))
    assert (row["Inscrite le"], row["Reçue le"]) == ("2026-11-16 10:00", "2026-11-09")


def test_an_edited_case_is_told_in_words(request_):
    import sqlite3

    with sqlite3.connect(request_.home / "arrimage.db") as connection:
        connection.execute("UPDATE cases SET state = 'terminee', owner = NULL, data = '{}'")
    connection.close()
    said = plain(request_.run("verify", code=1).stdout)
    assert "(l'état est « Diffusée – suivi terminé »; d'après l'historique, « Inscrite »)" in said
    assert "(le responsable est personne; d'après l'historique, direction)" in said
    assert "(champs : Organisation, Pays, Reçue le, Sujet)" in said
    assert "1 dossier, 2 événements, 3 fautes." in said
    with sqlite3.connect(request_.home / "arrimage.db") as connection:
        connection.execute("UPDATE history SET actor = 'x' WHERE seq = 2")
    connection.close()
    assert "un événement a été changé (prendre, par x)" in plain(
        request_.run("verify", code=1).stdout
    )


def test_the_doctor_names_its_checks_and_what_mends_each(inbox):
    inbox("partners", "add", "Cégep A", "--order", "collégial", "--email", "a@example.org")
    assert "réseau : 1 membre actif, 0 sans adresse\n" in plain(inbox("doctor"))
    settings = (inbox.home / "inbox.toml").read_text(encoding="utf-8")
    (inbox.home / "inbox.toml").write_text(
        settings.replace("port = ", "port = 1 # "), encoding="utf-8"
    )
    (inbox.home / "workflows" / "casse.yaml").write_text("arrimage: 1\nprocess: x\nversion: un\n")
    said = plain(inbox.run("doctor", code=4).stdout)
    assert "[à régler] serveur de courrier : " in said
    assert "corrigez host, port et security sous [mail] dans " in said
    assert "[à régler] processus : " in said
    assert "casse.yaml:3:" in said
    checks = {c["check"]: c for c in inbox.json("doctor", code=4)["checks"]}
    nowhere = inbox.json("doctor", "--home", str(inbox.home / "ailleurs"), code=4)
    assert [c["check"] for c in nowhere["checks"]] == ["workspace"]
    assert not checks["mail server"]["ok"]
    assert checks["mail server"]["label"] == "serveur de courrier"


def test_an_absence_is_told_with_its_days_in_words(inbox):
    said = plain(inbox("staff", "absent", "conseillere", "--from", "2026-11-16", "--to",
                       "2026-11-20", "--substitute", "conseiller"))  # fmt: skip
    assert "absent du 16 novembre 2026 au 20 novembre 2026" in said
    assert "jusqu'au 20 novembre 2026" in plain(inbox("staff", "list"))


def test_a_process_is_shown_with_its_delays_tables_lists_and_guards(inbox):
    said = plain(inbox("process", "show", "demande"))
    for line in (
        "Inscrite : 2 jours ouvrables après l'ouverture du dossier",
        "3 jours ouvrables avant la date limite pour manifester un intérêt, à 10 h 00",
        "répété après 5 jours ouvrables, 3 fois en tout",
        "Horizon en mois : de 13 à 36 → Catégorie proposée : « Opportunité d'affaires à moyen terme »",
        "La recherche est consignée : « Recherches » est rempli → Consigner une recherche",
        "sinon : La recherche est obligatoire pour chaque demande",
        "Titre de la fiche : texte, 160 caractères au plus (fiche_titre)",
        "délai permis : 1 jour ouvrable après « Reçue le »",
    ):
        assert line in said, line
    shown = inbox.json("process", "show", "demande")
    states = {s["state"]: s for s in shown["states"]}
    assert states["enregistree"]["due"] == "2 jours ouvrables après l'ouverture du dossier"
    assert states["terminee"]["due"] is None
    assert {t["timer"] for t in shown["timers"]} >= {"retard", "relance_demandeur"}
    assert [r["give"][0]["value"] for r in shown["tables"][1]["rows"]] == ["2", "2", "2"]
    actions = {a["action"]: a for a in shown["actions"]}
    assert actions["orienter"]["requires"][0]["because"].startswith("La recherche")
