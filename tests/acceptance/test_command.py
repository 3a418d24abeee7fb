"""The real command, as people and scripts use it: words, JSON, exit codes, bad input."""

import csv
import io
import json
import os
import re
import shlex
import shutil
import stat
import sys
import zipfile

import pytest

from tests.support.commands import ROOT, Inbox, workspace
from tests.support.world import EXAMPLES

NAMED = ("register", "--organisation", "Office minier", "--subject", "Formation de mineurs")


@pytest.fixture
def request_(inbox):
    inbox(*NAMED, "--country", "Maroc")
    inbox("take", "1")
    return inbox


def test_a_new_workspace_is_private_and_says_what_it_made(tmp_path):
    inbox = Inbox(tmp_path / "espace", now=None)
    said = inbox("init")
    for name in ("inbox.toml", "keys/", "arrimage.db"):
        assert name in said
    for name in ("inbox.toml", "arrimage.db", "keys/signing.pem"):
        assert stat.S_IMODE((inbox.home / name).stat().st_mode) == 0o600
    inbox("init", code=2)
    assert "inbox init" in Inbox(tmp_path / "ailleurs").run("list", code=2).stderr


def test_show_says_in_one_line_that_a_case_is_blocked_and_why(inbox):
    order = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8").replace(
        "{process: lot, all: ended, at_least: 1}", "{process: lot, outcome: arrive, at_least: 1}"
    )  # fmt: skip
    (inbox.home / "workflows" / "commande.yaml").write_text(order, encoding="utf-8")
    shutil.copy(EXAMPLES / "lot.yaml", inbox.home / "workflows")
    folder = inbox.home / "templates" / "fr" / "commande"
    folder.mkdir(parents=True)
    for name in ("bon", "rappel"):
        for part in ("subject", "txt"):
            (folder / f"{name}.{part}.j2").write_text("Commande", encoding="utf-8")
    inbox("staff", "add", "ann", "--name", "Ann", "--email", "ann@example.org", "--role", "acheteur",
          "--role", "chef")  # fmt: skip

    def ann(*words):
        inbox(*words, "--as", "ann")

    ann("register", "--process", "commande", "--set", "objet=Pompes", "--set", "urgence=haute")
    timed = inbox("show", "CO-2026-0001").replace("\u00a0", " ")
    elsewhere = timed.partition("Dans un autre état")[2].partition("Tout seul")[0]
    assert "Tout est reçu (recevoir) — « Tout est reçu » se fait tout seul" in elsewhere
    assert "(expirer)" not in elsewhere
    (line,) = [row.strip() for row in timed.splitlines() if "« Expirer »" in row]
    assert re.fullmatch(
        r"attendez : « Expirer » se fait tout seul le .+ 20\d\d, .+ \(minuterie « Péremption »\)",
        line,
    )
    why = inbox("why", "CO-2026-0001", "--action", "expirer").replace("\u00a0", " ")
    assert "- « Expirer » se fait tout seul, à la date de la minuterie « Péremption »" in why
    assert line in why
    ann("do", "CO-2026-0001", "chiffrer", "--set", "montant=10")
    ann("do", "CO-2026-0001", "soumettre")
    ann("do", "CO-2026-0001", "approuver", "--set", "lots=pompes")
    assert inbox.json("show", "CO-2026-0001")["blocked"] == []
    ann("do", "LOT-2026-0001", "perdre", "--note", "tombé du camion")
    assert "bloqué" not in inbox("show", "CO-2026-0001")  # somebody may still cancel it
    inbox("staff", "change", "ann", "--role", "conseiller")
    said = inbox("show", "CO-2026-0001").replace("\u00a0", " ")
    (line,) = [row for row in said.splitlines() if "bloqué" in row]
    assert line.startswith(
        "Ce dossier est bloqué : « Tout est reçu » demande ceci, qui ne peut plus "
    )
    assert "personne n'a le rôle qu'il faut pour « Annuler » (Acheteur, Chef)" in line
    told = inbox.json("show", "CO-2026-0001")["blocked"]
    assert [b["action"] for b in told] == ["recevoir", "annuler"]
    assert "attendez" not in said
    why = inbox("why", "CO-2026-0001", "--action", "recevoir").replace("\u00a0", " ")
    assert "attendez" not in why
    assert "ne peut plus arriver" in why or "ne se fera plus" in why


def test_organisation_and_subject_are_enough_and_what_is_missing_is_told(inbox):
    assert "DI-2026-0001" in inbox(*NAMED)
    refused = inbox.json("register", "--organisation", "X", code=1)
    assert refused["reasons"] == [
        {"code": "field_missing", "field": "sujet", "message": "il manque «\u00a0Sujet\u00a0»",
         "remedy": '--set sujet="VALEUR"'}
    ]  # fmt: skip


def test_the_inbox_says_what_to_do_first_and_by_which_command(request_):
    request_.now = "2026-11-25T10:00"
    request_("register", "--organisation", "Autre", "--subject", "Stages")
    said = request_()
    assert said.index("En retard") < said.index("À prendre")
    assert "inbox do DI-2026-0001 rechercher" in said
    assert "inbox take DI-2026-0002" in said
    listed = request_.json()
    assert [i["group"] for i in listed["items"]] == ["overdue", "to_take"]
    assert listed["rehearsal"] is True


def test_show_says_what_is_possible_and_why_the_rest_is_not(request_):
    request_("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    request_("do", "1", "orienter", "--set", "orientation=ecrite", "--set", "orientation_motif=x")
    shown = request_.json("show", "1")
    actions = {a["action"]: a for a in shown["actions"]}
    assert actions["preciser"]["possible"]
    assert next(r["code"] for r in actions["conclure_precision"]["reasons"]) == "requirement"
    why = request_.json("why", "1", "--action", "diffuser")
    assert why["reasons"][0]["code"] == "wrong_state"
    assert why["reasons"][0]["remedy"].startswith("inbox do DI-2026-0001 ")
    assert "Cinq" in request_("show", "1") or "précisions" in request_("show", "1")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "99"], 2),
        (["show", "DI-2026-9999"], 2),
        (["do", "1", "diffusser"], 2),
        (["do", "1", "rechercher", "--set", "source"], 2),
        (["do", "1", "rechercher", "--set", "sourse=x"], 1),
        (["do", "1", "rechercher"], 1),
        (["do", "1", "diffuser"], 1),
        (["do", "1", "corriger", "--set", "pays=Atlantide", "--note", "x"], 1),
        (["do", "1", "corriger", "--set", "recue_le=hier", "--note", "x"], 1),
        (["do", "1", "corriger", "--set", "contact_courriel=a@b.c\nBcc: x@y.z", "--note", "x"], 1),
        (["do", "1", "corriger", "--set", "sujet=a\x1b[31mb", "--note", "x"], 1),
        (["do", "1", "noter", "--set", "texte=ok", "--note", "a\x07b"], 1),
        (["do", "1", "lier", "--set", "dossier=DI-2026-0042"], 1),
        (
            [
                "do",
                "1",
                "fusionner",
                "--set",
                "doublon_de=1",
                "--set",
                "motif_fermeture=x",
                "--yes",
            ],
            1,
        ),
        (["assign", "1", "--to", "personne"], 2),
        (["assign", "1", "--to", "direction", "--as", "inconnu"], 1),
        (["export", "registre.pdf"], 2),
        (["process", "show", "inconnu"], 2),
        (["diffusion", "status", "1"], 2),
        (["outbox", "retry", "99", "--reason", "x"], 2),
        (["nimporte", "quoi"], 2),
        (["list", "--limit", "beaucoup"], 2),
    ],
    ids=lambda v: (
        " ".join(v)[:40].encode("unicode_escape").decode() if isinstance(v, list) else str(v)
    ),
)
def test_bad_input_is_refused_in_words_and_changes_nothing(request_, words, code):
    before = request_.json("history", "1")
    done = request_.run(*words, code=code)
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert request_.json("history", "1") == before


def test_a_value_of_ten_megabytes_is_refused(request_, tmp_path):
    (tmp_path / "gros.json").write_text(json.dumps({"source": "x" * 4_000_000}))
    assert (
        "trop long"
        in request_.run(
            "do", "1", "rechercher", "--data", str(tmp_path / "gros.json"), code=1
        ).stderr
    )
    (tmp_path / "enorme.json").write_text(json.dumps({"source": "x" * 10_000_000}))
    assert (
        "trop gros"
        in request_.run(
            "do", "1", "rechercher", "--data", str(tmp_path / "enorme.json"), code=2
        ).stderr
    )


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]\n", "source: !!python/object:os.system x\n", "source: a\nsource: b\n", "- x\n"],
)
def test_a_file_of_values_that_surprises_is_refused(request_, tmp_path, text):
    (tmp_path / "valeurs.yaml").write_text(text)
    done = request_.run("do", "1", "rechercher", "--data", str(tmp_path / "valeurs.yaml"), "--json",
                        code=2)  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout


def test_values_come_from_a_file_and_records_by_their_short_names(request_, tmp_path):
    (tmp_path / "valeurs.yaml").write_text(
        "recherches:\n  source: Rapport\n  constat: |\n    Deux\n    lignes\n"
    )
    request_("do", "1", "rechercher", "--data", str(tmp_path / "valeurs.yaml"))
    assert request_.json("show", "1")["fields"]["recherches"][0]["constat"] == "Deux\nlignes"


def test_somebody_who_reads_an_old_version_is_told_who_was_faster(request_):
    request_("do", "1", "rechercher", "--set", "source=A", "--set", "rien_trouve=oui")
    done = request_.run("do", "1", "rechercher", "--set", "source=B", "--set", "rien_trouve=oui", "--if-version", "2",
                        "--as", "conseillere", code=3)  # fmt: skip
    assert "direction a fait" in done.stderr
    told = request_.json("do", "1", "rechercher", "--set", "source=B", "--if-version", "2", code=3)
    assert (told["error"], told["actor"]) == ("Conflict", "direction")


def test_two_people_at_once_one_wins_and_the_other_is_told(request_):
    both = [request_.start("do", "1", "classer_hors_mandat", "--set", "motif_fermeture=x", "--yes", "--as", who)
            for who in ("conseillere", "conseiller")]  # fmt: skip
    answers = [one.communicate()[0] for one in both]
    codes = sorted(one.returncode for one in both)
    assert codes[0] == 0
    assert codes[1] in {1, 3}
    loser = next(a for one, a in zip(both, answers, strict=True) if one.returncode)
    winner = "conseillere" if both[0].returncode == 0 else "conseiller"
    assert winner in loser
    assert len(request_.json("history", "1")["events"]) == 3


def test_the_same_command_twice_with_a_key_acts_once(inbox):
    one, two = (inbox.json(*NAMED, "--key", "courriel-42") for _ in range(2))
    assert one["case"] == two["case"]
    assert two["replayed"]


def test_a_key_that_served_for_something_else_is_refused_and_nothing_is_lost_in_silence(inbox):
    inbox(*NAMED, "--key", "k")
    other = inbox.json("register", "--organisation", "Z", "--subject", "Q", "--key", "k", code=1)
    assert [r["code"] for r in other["reasons"]] == ["key_reused"]
    done = ("do", "1", "noter", "--set", "texte=x", "--key", "n")
    inbox(*done)
    assert inbox.json(*done)["replayed"]
    inbox("do", "1", "noter", "--set", "texte=y", "--key", "n", code=1)


def test_a_step_that_would_record_nothing_is_refused_and_says_what_it_takes(request_):
    request_("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    request_("do", "1", "orienter", "--set", "orientation=ecrite", "--set", "orientation_motif=x")
    refused = request_.json("do", "1", "preciser", code=1)
    assert refused["reasons"][0]["code"] == "nothing_given"
    assert "echeancier" in refused["reasons"][0]["message"]


def test_what_is_hard_to_take_back_needs_a_yes_where_nobody_can_be_asked(request_):
    closing = ("do", "1", "classer_hors_mandat", "--set", "motif_fermeture=x")
    assert "--yes" in request_.run(*closing, code=2).stderr
    assert request_.json("show", "1")["state"] == "enregistree"
    request_(*closing, "--yes")


def test_a_merged_case_says_nothing_of_the_other_ones_task(request_):
    request_("register", "--organisation", "Autre", "--subject", "Stages")
    said = request_(
        "do", "2", "fusionner", "--set", "doublon_de=1", "--set", "motif_fermeture=x", "--yes"
    )
    assert "Fusionnée" in said
    assert "→" not in said


def test_the_work_of_somebody_who_has_left_is_their_successors(request_):
    assert "--substitute" in request_.run("staff", "leave", "conseillere", code=1).stderr
    request_("assign", "1", "--to", "conseillere")
    said = request_(
        "staff", "leave", "conseillere", "--on", "2026-11-17", "--substitute", "conseiller"
    )
    assert "1 dossier" in said
    request_.now = "2026-11-20T10:00"
    assert "DI-2026-0001" in request_("--as", "conseiller")
    assert "n'est plus" in request_.run("--as", "conseillere", code=1).stderr


def test_a_substitute_who_may_not_do_the_work_is_told_as_soon_as_they_are_named(request_):
    request_("staff", "add", "stagiaire", "--name", "Stagiaire", "--email", "stagiaire@example.org",
             "--role", "administration")  # fmt: skip
    said = request_("staff", "change", "conseillere", "--substitute", "stagiaire")
    assert "ce qui demande conseiller sera refusé à stagiaire" in said
    mend = next(line for line in said.splitlines() if "→" in line).split("inbox ")[1]
    request_(*shlex.split(mend))
    absence = ("--from", "2026-12-07", "--to", "2026-12-18")
    assert request_.json("staff", "absent", "conseillere", *absence)["substitute_lacks"] == []


def test_acting_for_another_is_allowed_to_some_and_written_down(request_):
    request_("do", "1", "noter", "--set", "texte=x", "--as", "conseillere")
    last = request_.json("history", "1")["events"][-1]
    assert (last["actor"], last["via"]) == ("conseillere", "direction")
    assert "conseillere (par direction)" in request_("history", "1")


def test_english_is_for_who_asks(request_):
    said = request_("--lang", "en")
    assert "To take" in said or "Within five business days" in said
    assert "Register a request" in request_("--help", "--lang", "en")
    assert "Il n'y a pas de dossier" in request_.run("show", "77", code=2).stderr
    assert "There is no case" in request_.run("show", "77", "--lang", "en", code=2).stderr


def test_help_is_in_french_with_examples(inbox):
    said = inbox("do", "--help")
    assert "Exemples" in said
    assert "inbox do 7" in said
    assert "Show this message" not in said
    assert "Usage :" in said.replace("\u00a0", " ")


def test_only_a_rehearsal_obeys_the_rehearsal_clock(tmp_path):
    inbox = Inbox(tmp_path / "vrai", now="2001-01-01T10:00")
    done = inbox.run("init")
    done = inbox.run(*NAMED)
    assert "INBOX_NOW est ignoré" in done.stderr
    assert "DI-2001" not in done.stdout


def test_a_rehearsal_says_so_and_sends_only_to_this_machine(inbox):
    assert "RÉPÉTITION" in inbox.run("list").stderr
    settings = (inbox.home / "inbox.toml").read_text(encoding="utf-8")
    (inbox.home / "inbox.toml").write_text(
        settings.replace('host = "127.0.0.1"', 'host = "192.0.2.1"'), encoding="utf-8"
    )
    inbox(*NAMED, "--contact", "a@example.org")
    assert "une répétition n'écrit qu'à" in inbox.run("tick", code=4).stderr


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [('host = "127.0.0.1"', 'hote = "x"', "hote"), ("port =", "port = 'a' #", "port"),
     ("[mail]", "[mails]", "mails"), ('zone = "America/Toronto"', 'zone = "Mars/Nord"', "Mars"), ("[mail]", "[mail", ":")],
)  # fmt: skip
def test_a_bad_setting_is_told_with_its_place(inbox, old, new, line):
    path = inbox.home / "inbox.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    done = inbox.run("list", code=4)
    assert "inbox.toml" in done.stderr
    assert line in done.stderr


def test_the_exported_register_holds_no_formula(request_, tmp_path):
    import openpyxl

    request_("register", "--organisation", '=HYPERLINK("http://x")', "--subject", "+1")
    for name in ("r.csv", "r.xlsx"):
        request_("export", str(tmp_path / name))
    raw = (tmp_path / "r.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig")), delimiter=";"))
    cells = [c for row in rows for c in row]
    assert '\'=HYPERLINK("http://x")' in cells
    assert not any(c.startswith(("=", "+", "@")) for c in cells)
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    assert all(c.data_type in {"s", "n", "d"} for row in sheet.iter_rows() for c in row)
    assert [c.value for c in sheet["A"]][:2] == ["Numéro", "DI-2026-0001"]


def test_a_partner_file_with_faults_imports_nothing_and_names_each(inbox, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(
        "nom;ordre;courriel\nCégep A;collégial;a@example.org\nCEGEP A;collegial;b@example.org\nB;lycée;pas-une-adresse\n"
    )
    done = inbox.run("partners", "import", str(path), code=1)
    for place in (":3: nom", ":4: ordre", ":4: courriel"):
        assert place in done.stderr
    assert inbox.json("partners", "list")["members"] == []
    path.write_text("nom;ordre;courriel\nCégep A;collégial;a@example.org|b@example.org\n")
    assert "1 ajouté, 0 changé" in inbox("partners", "import", str(path))
    assert "1 inchangé." in inbox("partners", "import", str(path))
    member = inbox.json("partners", "list")["members"][0]
    assert [c["email"] for c in member["contacts"]] == ["a@example.org", "b@example.org"]


def test_a_second_definition_dropped_into_the_workspace_runs_without_python(inbox):
    examples = ROOT / "tests" / "unit" / "definition" / "examples"
    for name in ("commande.yaml", "lot.yaml"):
        (inbox.home / "workflows" / name).write_text(
            (examples / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    for name in ("bon", "rappel"):
        folder = inbox.home / "templates" / "fr" / "commande"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.subject.j2").write_text("{{ case.number }}\n")
        (folder / f"{name}.txt.j2").write_text("Bonjour, {{ show(fields.objet) }}\n")
    inbox(
        "staff", "add", "acheteuse", "--name", "A", "--email", "a@example.org", "--role", "acheteur"
    )
    said = inbox(
        "register",
        "--process",
        "commande",
        "--set",
        "objet=Pompes",
        "--set",
        "urgence=haute",
        "--as",
        "acheteuse",
    )
    assert "CO-2026-0001" in said
    inbox("do", "CO-2026-0001", "chiffrer", "--set", "montant=12", "--as", "acheteuse")
    assert "commande" in inbox("process", "list")
    assert "Brouillon" in inbox("list", "--process", "commande")


def test_a_broken_definition_dropped_there_is_refused_with_its_place_and_stops_nothing_written(
    inbox,
):
    (inbox.home / "workflows" / "casse.yaml").write_text("arrimage: 1\nprocess: x\nversion: un\n")
    done = inbox.run("process", "list", code=1)
    assert re.search(r"casse\.yaml:3:\d+: wrong-type", done.stderr)
    inbox("list")  # lists go on
    went_on = inbox.run(*NAMED)
    assert went_on.returncode == 0
    assert "casse.yaml:3:" in went_on.stderr
    assert "casse.yaml:3:" in inbox.run("doctor", code=4).stderr


def test_the_backup_opens_and_holds_everything(request_, tmp_path):
    request_("backup", str(tmp_path / "s.zip"))
    assert stat.S_IMODE((tmp_path / "s.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        archive.extractall(tmp_path / "restaure")
    restored = Inbox(tmp_path / "restaure")
    assert "DI-2026-0001" in restored("list")
    restored("verify")
    # It stands by itself: what is done in one is not done in the other.
    restored(*NAMED)
    assert len(request_.json("list")["cases"]) == 1


def test_a_database_that_is_not_there_is_said_and_never_made_empty(inbox):
    (inbox.home / "arrimage.db").unlink()
    assert "n'est pas là" in inbox.run("list", code=4).stderr
    assert not (inbox.home / "arrimage.db").exists()


def test_a_failed_init_leaves_nothing_behind(tmp_path):
    new = Inbox(tmp_path / "espace", now=None)
    new.run("init", "--database", "postgresql://127.0.0.1:1/x", code=4)
    new.run("init", "--database", "foo://x", code=2)
    new.run("init", "--database", "", code=2)
    new("init")


def test_an_edited_row_is_named_by_verify(request_):
    import sqlite3

    with sqlite3.connect(request_.home / "arrimage.db") as connection:
        connection.execute("UPDATE history SET body = '{}' WHERE seq = 1")
    connection.close()
    done = request_.run("verify", code=1)
    assert "DI-2026-0001 #1" in done.stdout
    assert request_.json("verify", code=1)["faults"][0]["code"] == "event_edited"


def test_the_doctor_says_what_to_mend(inbox):
    done = inbox.run("doctor", code=4)
    assert "inbox partners import" in done.stdout
    inbox("partners", "import", "inbox/demo/partenaires.csv")
    inbox("doctor")
    settings = inbox.home / "inbox.toml"
    written = settings.read_text(encoding="utf-8")
    settings.write_text(written.replace('address = "125', '# address = "125'), encoding="utf-8")
    assert "sous [institute] dans" in inbox("doctor", code=4)


def test_every_list_and_show_answers_in_json(request_):
    for words in (["list"], ["search", "mineurs"], ["show", "1"], ["history", "1"], ["why", "1"], ["staff", "list"],
                  ["partners", "list"], ["outbox"], ["process", "list"], ["process", "show", "demande"], ["verify"],
                  ["tick"]):  # fmt: skip
        assert request_.json(*words)["schema"] == 1, words


def test_colour_is_for_terminals_only_and_stored_escapes_never_reach_one(request_):
    assert "\x1b" not in request_("show", "1") + request_()


def test_the_completion_script_is_printed(inbox):
    assert "_INBOX_COMPLETE" in inbox("completion", "bash")
    done = inbox.run("", _INBOX_COMPLETE="bash_complete", COMP_WORDS="inbox sh", COMP_CWORD="1")
    assert "show" in done.stdout


def test_todays_list_imports_nothing_that_only_a_step_needs(request_):
    slow = {
        "pydantic",
        "transitions",
        "jinja2",
        "apscheduler",
        "babel",
        "cryptography",
        "rich",
        "holidays",
        "yaml",
        "alembic",
    }
    code = ("import sys; from inbox import texts; from inbox.main import run; texts.use('fr'); run([]); "
            "print(*sys.modules, file=sys.stderr)")  # fmt: skip
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=request_.environment(),
        capture_output=True,
        text=True,
    )
    assert "DI-2026-0001" in done.stdout
    assert not slow & set(done.stderr.split())


def test_the_same_work_is_done_on_postgresql(tmp_path, mail, postgres):
    inbox = workspace(tmp_path, mail.port, postgres.new())
    inbox(*NAMED, "--contact", "a@example.org")
    inbox("take", "1")
    inbox("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    inbox("tick")
    assert len(mail.to("a@example.org")) == 1
    assert "DI-2026-0001" in inbox()
    inbox("verify")


def test_a_database_that_does_not_answer_is_the_environments_fault(tmp_path):
    inbox = Inbox(tmp_path / "espace")
    done = inbox.run("init", "--database", "postgresql://x@127.0.0.1:1/x", code=4)
    assert "base de données" in done.stderr
    assert os.environ is not None
