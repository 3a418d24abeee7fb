"""`inbox diffusion` at the shell: where it stands, why it is equitable, certified, and checked elsewhere."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from engine.database import Database
from engine.schema import renderings
from notifications.certificate import page
from tests.support.commands import ROOT, moved, workspace
from tests.support.diffusions import carry, newest_batch

STEPS = (
    ("rechercher", "--set", "source=Web", "--set", "rien_trouve=oui"),
    ("orienter", "--set", "orientation=aucune", "--set", "orientation_motif=Tout y est"),
    ("preciser", "--set", "besoins=Former", "--set", "attentes=Un programme", "--set", "entente=Services",
     "--set", "ressources.non_obtenu=Plus tard", "--set", "echeancier=Automne"),
    ("conclure_precision",),
    ("categoriser", "--set", "categorie=court_terme", "--set", "categorie_motif=Moins d'un an"),
    ("preparer_fiche", "--set", "fiche_titre=Formation", "--set", "fiche_besoins=Former 60 techniciens"),
    ("diffuser", "--yes"),
)  # fmt: skip


def diffusing(inbox):
    inbox("partners", "import", "inbox/demo/partenaires.csv")
    inbox(
        "register",
        "--organisation",
        "Office minier",
        "--subject",
        "Formation",
        "--country",
        "Maroc",
    )
    inbox("take", "1", "--as", "conseillere")
    for action, *words in STEPS:
        inbox("do", "1", action, *words, "--as", "conseillere")
    return inbox


def database_of(inbox):
    settings = (inbox.home / "inbox.toml").read_text("utf-8")
    url = re.search(r'^url = "(.*)"', settings, re.MULTILINE)[1]
    return Database.open(
        url.replace("sqlite:///arrimage.db", f"sqlite:///{inbox.home}/arrimage.db")
    )


def write(inbox, **how):
    database = database_of(inbox)
    carry(database, newest_batch(database), **how)
    database.close()
    return inbox


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """A workspace whose diffusion reached all 29."""
    return write(diffusing(workspace(tmp_path_factory.mktemp("diffusion"))))


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A workspace whose diffusion was refused by one, and so reached nobody."""
    inbox = diffusing(workspace(tmp_path_factory.mktemp("refus")))
    listed = inbox.json("outbox", "1")["deliveries"]
    out = next(d for d in listed if d["message"] == "diffusion")
    told = {out["addresses"][0]: "550 5.1.1 inconnu"}
    return write(inbox, refused=told, decision="aborted"), out


@pytest.fixture
def certificate(carried, tmp_path):
    path = tmp_path / "attestation.json"
    carried("diffusion", "certificate", "1", str(path))
    return path


def plain(text):
    return text.replace("\u00a0", " ")


def flat(text):
    """Return a text as it reads, wherever its lines end."""
    return " ".join(text.split())


# --- status and explain -------------------------------------------------------------------------


def test_the_first_line_of_the_status_says_it_all(carried):
    said = plain(carried("diffusion", "status", "1"))
    assert said.splitlines()[0] == (
        "DI-2026-0001 — 29/29 acceptés par le relais de l'Institut, en une seule fois, le 16 novembre 2026 à 10 h 00."
    )
    assert re.search(r"\+3 ms : +29 \*+\n", said)
    assert "0 ms entre le premier servi et le dernier" in said
    assert said.count("accepté  ") == 29


def test_the_status_fits_80_columns_without_colour_or_boxes(carried):
    said = carried.run("diffusion", "status", "1", NO_COLOR="1", COLUMNS="80").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert not re.search("[\u2500-\u259f\x1b]", said)


def test_a_status_that_is_not_good_says_what_to_do(refusing):
    inbox, out = refusing
    first, second, *rest = plain(inbox("diffusion", "status", "1")).splitlines()
    assert first == "DI-2026-0001 — 0/29 : rien n'est parti, pour personne."
    assert "inbox outbox DI-2026-0001 --failed" in second
    told = flat(" ".join(rest))
    assert (
        "L'adresse se corrige par l'administration ou la direction : inbox partners contact" in told
    )
    assert "inbox diffusion send DI-2026-0001" in told
    assert any(out["name"] in line and "550 5.1.1 inconnu" in line for line in rest)


def test_the_status_in_json_has_the_figures(carried):
    answer = carried.json("diffusion", "status", "1")
    assert (answer["said"], answer["shape"], answer["window_us"], answer["next"]) == (
        "29/29",
        "one",
        0,
        [],
    )
    assert answer["acceptances"] == [{"from_us": 3000, "to_us": 3000, "accepted": 29}]
    assert len(answer["deliveries"]) == 29
    assert answer["times"]["first_dot"]["local"] == "2026-11-16T10:00:02.000000-05:00"


@pytest.mark.parametrize(("words", "said"), [
    ((), ("Oui, cette diffusion est équitable.", "Un seul envoi pour les 29", "« tous ou personne »",
          "personne ici ne les voit")),
    (("--lang", "en"), ("Yes, this diffusion is equitable.", "One transmission for all 29", "“all or nobody”",
                        "nobody here sees them")),
])  # fmt: skip
def test_it_is_explained_in_plain_words(carried, words, said):
    answer = plain(carried("diffusion", "explain", "1", *words))
    for part in said:
        assert part in answer
    assert carried.json("diffusion", "explain", "1")["verdict"] == "yes"


def test_a_refusal_is_explained_to_the_staff_by_its_name(refusing):
    inbox, out = refusing
    assert out["name"] in inbox("diffusion", "explain", "1")
    assert inbox.json("diffusion", "explain", "1")["verdict"] == "nobody"


def test_a_departure_and_a_stop_are_told_with_their_reason_and_publicly_without_their_author(
    refusing, tmp_path
):
    inbox, out = refusing
    other = moved(inbox, tmp_path / "ailleurs", 9)  # nothing answers there
    database = database_of(other)
    with database.write() as connection:
        connection.execute(renderings.delete())  # what was written as a worker would
    database.close()
    why = f"{out['name']} fermé pour travaux"
    other("diffusion", "send", "1", "--rule", "proceed_and_remedy", "--reason", why, "--yes",
          "--as", "direction", code=1)  # fmt: skip
    other("diffusion", "abort", "1", "--reason", "erreur dans la fiche", "--as", "conseillere")
    nothing = other.run("diffusion", "abort", "1", "--reason", "x", "--as", "conseillere", code=1)
    assert "« arrêter la diffusion » n'est pas possible" in plain(nothing.stderr)
    for command in (("diffusion", "status"), ("diffusion", "explain"), ("history",)):
        told = flat(plain(other(*command, "1")))
        for said in ("direction", "fermé pour travaux", "conseillere", "erreur dans la fiche"):
            assert said in told
    assert why in told  # the history is the house's own
    decided = other.json("history", "1")["mail_decisions"]
    assert [d["action"] for d in decided] == ["depart", "retry", "abort"]
    path = tmp_path / "attestation.json"
    other("diffusion", "certificate", "1", str(path))
    public = json.loads(path.read_text("utf-8"))["decisions"]
    assert [d["reason"] for d in public] == ["[…] fermé pour travaux", "erreur dans la fiche"]
    assert "conseillere" not in path.read_text("utf-8")


def test_a_batch_that_was_never_queued_is_told_so(carried):
    for name in ("status", "explain"):
        answer = carried.json("diffusion", name, "1", "--message", "erratum", code=2)
        assert (answer["error"], answer["kind"]) == ("NotFound", "message")


# --- certificate --------------------------------------------------------------------------------


def test_a_certificate_is_the_same_until_something_happens(carried, tmp_path):
    one = carried.json("diffusion", "certificate", "1", str(tmp_path / "a.json"))
    two = carried.json("diffusion", "certificate", "1", str(tmp_path / "b.json"))
    assert (one["issue"], one["sha256"]) == (two["issue"], two["sha256"]) == (1, one["sha256"])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    summed = subprocess.run(
        ["sha256sum", tmp_path / "a.json"], capture_output=True, text=True, check=True
    )
    assert summed.stdout.split()[0] == one["sha256"]


def test_no_partner_stands_in_the_files(carried, certificate, tmp_path):
    carried("diffusion", "certificate", "1", str(tmp_path / "page.html"))
    for text in (certificate.read_text("utf-8"), (tmp_path / "page.html").read_text("utf-8")):
        for delivery in carried.json("diffusion", "status", "1")["deliveries"]:
            assert delivery["name"] not in text
            assert delivery["addresses"][0] not in text


def test_a_file_of_another_kind_and_an_issue_that_is_not_there_are_refused(carried, tmp_path):
    assert carried.json("diffusion", "certificate", "1", "a.pdf", code=2)["error"] == "Usage"
    answer = carried.json(
        "diffusion", "certificate", "1", str(tmp_path / "a.json"), "--issue", "9", code=2
    )
    assert (answer["kind"], answer["name"]) == ("certificate", "9")
    assert not (tmp_path / "a.json").exists()


def test_a_workspace_without_its_key_says_so(refusing, tmp_path):
    inbox, _out = refusing
    key = inbox.home / "keys" / "signing.pem"
    kept = key.read_bytes()
    key.write_text("rien")
    answer = inbox.json("diffusion", "certificate", "1", str(tmp_path / "a.json"), code=2)
    key.write_bytes(kept)
    assert "signing.pem" in answer["message"]


def test_it_is_all_the_same_on_postgresql(postgres, tmp_path):
    inbox = write(diffusing(workspace(tmp_path, 2525, postgres.new())))
    assert inbox.json("diffusion", "status", "1")["said"] == "29/29"
    path = tmp_path / "attestation.html"
    assert inbox.json("diffusion", "certificate", "1", str(path))["complete"] is True
    assert inbox.json("diffusion", "verify", str(path))["signer"] == "workspace"


# --- verify -------------------------------------------------------------------------------------


def alone(folder, *words):
    """Type `inbox diffusion verify` where there is no workspace at all."""
    return subprocess.run(
        [sys.executable, "-m", "inbox", "diffusion", "verify", *words], cwd=ROOT, text=True,
        capture_output=True, env={"INBOX_HOME": str(folder / "nulle"), "PYTHONUTF8": "1", "PATH": "/usr/bin"},
    )  # fmt: skip


def test_nothing_but_the_file_and_the_key_is_needed(carried, certificate, tmp_path):
    key = tmp_path / "institut.pem"
    shutil.copy(carried.home / "keys" / "signing.pub.pem", key)
    done = alone(tmp_path, str(certificate))
    assert done.returncode == 0
    assert "pour savoir qui a signé" in flat(done.stdout)
    published = json.loads(certificate.read_text("utf-8"))["signature"]["key_sha256"]
    assert f"clé publique : {published}" in flat(plain(done.stdout))
    assert "keys/signing.pub.pem" in flat(done.stdout)
    done = alone(tmp_path, str(certificate), "--key", str(key))
    assert done.returncode == 0
    assert "Signée par la clé que vous avez donnée" in flat(done.stdout)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_one_changed_byte_is_named_in_words(carried, certificate, tmp_path, lang):
    content = certificate.read_text("utf-8").replace('"state":"accepted"', '"state":"acceptee"', 1)
    certificate.write_text(content, "utf-8")
    done = alone(tmp_path, str(certificate), "--lang", lang)
    assert done.returncode == 1
    assert {"fr": "/lines/0 (ligne 1) :", "en": "/lines/0 (line 1):"}[lang] in flat(done.stdout)
    page = tmp_path / "page.html"
    carried("diffusion", "certificate", "1", str(page), "--lang", lang)
    assert alone(tmp_path, str(page)).returncode == 0
    page.write_text(
        page.read_text("utf-8").replace('"headline">29/29', '"headline">29/28'), "utf-8"
    )
    done = alone(tmp_path, str(page), "--lang", lang)
    assert done.returncode == 1
    assert "page:" in done.stdout
    assert "29/28" in flat(done.stdout)


def test_a_page_of_another_version_is_not_said_to_be_changed_but_cannot_be_relied_on(
    carried, tmp_path
):
    file = tmp_path / "page.html"
    carried("diffusion", "certificate", "1", str(file))
    file.write_text(file.read_text("utf-8").replace(page.edition(), "0" * 12), "utf-8")
    done = alone(tmp_path, str(file))
    assert done.returncode == 1
    assert "Changée" not in done.stdout
    assert "le document qu'elle porte est intact" in flat(done.stdout)
    assert "demandez à l'Institut l'attestation en .json" in flat(done.stdout)


def test_what_cannot_be_read_exits_2_with_its_place(certificate, tmp_path):
    certificate.write_bytes(certificate.read_bytes()[:-1])
    done = alone(tmp_path, str(certificate))
    assert done.returncode == 2
    assert f"{certificate}:1:" in done.stderr
    answer = json.loads(alone(tmp_path, str(certificate), "--json").stdout)
    assert (answer["error"], answer["code"]) == ("Unreadable", "json")


def test_a_partner_finds_its_own_line_alone(carried, certificate, tmp_path):
    one, other = carried.json("diffusion", "status", "1")["deliveries"][:2]
    database = database_of(carried)
    from engine import diffusion

    with database.read() as connection:
        known = diffusion.account_of(connection, newest_batch(database))
    database.close()
    salt = next(c.salt for c in known.copies if c.delivery == one["id"])
    mine = ("--salt", salt, "--name", one["name"], "--address", one["addresses"][0])
    done = alone(tmp_path, str(certificate), *mine)
    assert done.returncode == 0
    assert "Votre ligne est la" in done.stdout
    assert "16 novembre 2026, 10:00:02,000 (America/Toronto)" in plain(done.stdout)
    assert "250 2.0.0 Ok" in done.stdout
    not_mine = ("--salt", salt, "--name", other["name"], "--address", other["addresses"][0])
    done = alone(tmp_path, str(certificate), *not_mine)
    assert done.returncode == 1
    assert "Aucune ligne n'est la vôtre" in done.stdout
    assert (
        json.loads(alone(tmp_path, str(certificate), *mine, "--json").stdout)["line"]["state"]
        == "accepted"
    )
    assert alone(tmp_path, str(certificate), "--salt", salt).returncode == 2


def test_the_key_of_the_workspace_at_hand_is_recognised(carried, inbox, certificate, tmp_path):
    assert carried.json("diffusion", "verify", str(certificate))["signer"] == "workspace"
    shutil.rmtree(inbox.home / "keys")
    assert inbox.json("diffusion", "verify", str(certificate))["signer"] == "unknown"
    other = tmp_path / "autre.pem"
    other.write_text("rien")
    assert (
        inbox.json("diffusion", "verify", str(certificate), "--key", str(other), code=2)["error"]
        == "Usage"
    )
