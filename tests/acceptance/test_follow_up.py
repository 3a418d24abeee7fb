"""The follow-up of a diffusion through the real command: interest, reminder, newcomers, embargo."""

import json
import re

import pytest

from tests.acceptance.test_shell import completed
from tests.support.commands import moved

#: A Wednesday, before the opening hours of the planned instant.
PLANNED = "2026-11-18T10:00"

ERRATUM = (
    *("do", "1", "rectifier", "--set", "erratum_texte=40"),
    *("--set", "rectification=60", "--yes"),
)


def plain(text):
    return text.replace("\u00a0", " ")


def flat(text):
    """Return a text as it reads, wherever its lines end."""
    return " ".join(plain(text).split())


def to(mail, subject):
    return sorted(a for r in mail.received if subject in r.message["Subject"] for a in r.recipients)


def test_interest_says_who_has_answered_who_has_not_and_how_long_is_left(sent):
    sent.now = "2026-11-18T14:00"
    sent("diffusion", "interest", "1", "Cégep A", "--on", "2026-11-17T09:15", "--person", "A. Roy")
    sent("diffusion", "interest", "1", "Cégep B", "--answer", "pas intéressé", "--note", "Complet")
    said = plain(sent("diffusion", "interest", "1"))
    assert "2/3 établissements ont répondu" in said
    assert "30 novembre 2026, 23 h 59 (encore 8 jours ouvrables)" in said
    assert "Intéressé : 1 · Pas intéressé : 1 · À préciser : 0" in said
    assert "17 novembre 2026, 9 h 15" in said
    assert "A. Roy" in said
    assert "N'ont pas répondu (1)\n  - Cégep C" in said
    english = plain(sent("diffusion", "interest", "1", "--lang", "en"))
    assert "2/3 establishments have answered" in english
    listed = sent.json("diffusion", "interest", "1")
    assert (listed["asked"], listed["answered"]) == (3, 2)
    assert listed["counts"] == {"interesse": 1, "pas_interesse": 1, "a_preciser": 0}
    rows = {r["establishment"]: r for r in listed["establishments"]}
    assert rows["Cégep A"]["business_days_left"] == 9
    assert rows["Cégep B"]["answers"][0]["precision"] == "Complet"
    assert rows["Cégep C"]["answer"] is None
    assert sent.json("history", "1")["events"][-1]["action"] == "consigner_interet"


def test_the_reminder_reaches_only_those_who_have_not_answered(sent, mail):
    sent("diffusion", "interest", "1", "Cégep A")
    sent.now = "2026-11-25T10:01"
    sent("tick")
    assert to(mail, "Rappel") == ["b@example.org", "c@example.org"]
    assert sent.json("diffusion", "status", "1", "--message", "rappel_interets")["recipients"] == 2


def test_a_late_answer_needs_a_reason_and_one_that_came_in_time_does_not(sent):
    sent.now = "2026-12-02T10:00"
    sent("tick")
    refused = plain(sent.run("diffusion", "interest", "1", "Cégep A", code=1).stderr)
    assert "Pourquoi il est accepté en retard" in refused
    sent("diffusion", "interest", "1", "Cégep A", "--late-reason", "Courriel égaré")
    sent("diffusion", "interest", "1", "Cégep B", "--on", "2026-11-30T16:00")
    rows = {r["establishment"]: r for r in sent.json("diffusion", "interest", "1")["establishments"]}  # fmt: skip
    assert rows["Cégep A"]["late"]
    assert not rows["Cégep B"]["late"]
    said = plain(sent("diffusion", "interest", "1"))
    assert "(passée)" in said
    assert "Courriel égaré" in said
    assert "le dernier jour" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["Cégep Z"], 1),
        (["Cégep A", "--answer", "peut-être"], 1),
        (["Cégep A", "--on", "hier"], 1),
        (["Cégep A", "--on", "2027-01-01"], 1),
    ],
)
def test_what_cannot_be_an_answer_is_refused_in_words(sent, words, code):
    done = sent.run("diffusion", "interest", "1", *words, code=code)
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert sent.json("diffusion", "interest", "1")["answered"] == 0


def test_an_answer_from_before_the_sheet_left_is_refused_and_one_of_that_day_is_not(sent):
    for received in ("2026-11-16T09:59", "2026-11-15"):
        done = sent.run("diffusion", "interest", "1", "Cégep A", "--on", received, code=1)
        assert "daterait d'avant le départ de la fiche" in flat(done.stderr)
        told = ("--set", "interets.etablissement=Cégep A", "--set", "interets.nature=interesse",
                "--set", f"interets.recu_le={received}")  # fmt: skip
        typed = sent.run("do", "1", "consigner_interet", *told, code=1)
        assert flat(typed.stderr) == flat(done.stderr)
    sent.now = "2026-11-17T10:00"
    sent("diffusion", "interest", "1", "Cégep A", "--on", "2026-11-16")
    assert sent.json("diffusion", "interest", "1")["answered"] == 1


def test_before_anything_is_diffused_there_is_no_interest_to_list(ready):
    assert ready.run("diffusion", "interest", "1", code=2).stderr.strip()
    assert ready.run("diffusion", "interest", "1", "Cégep A", code=1).stderr.strip()


def test_each_of_two_answers_has_its_own_status_explanation_and_certificate(sent, tmp_path):
    for answer in ("Oui", "Non"):
        words = ("--set", f"question={answer}?", "--set", f"reponse={answer}.")
        sent("do", "1", "repondre_a_tous", *words, "--yes")
    sent("tick")
    named = ("1", "--message", "reponse_reseau")
    assert "Envoi 2 de 2 sous ce nom" in plain(sent("diffusion", "status", *named))
    assert "Envoi 1 de 2" in plain(sent("diffusion", "status", *named, "--batch", "1"))
    assert sent("diffusion", "explain", *named, "--batch", "1")
    told = [
        sent.json("diffusion", "certificate", "1", str(tmp_path / f"{n}.json"), *named[1:],
                  "--batch", str(n))["sha256"]
        for n in (1, 2)
    ]  # fmt: skip
    assert told[0] != told[1]
    for command in ("status", "preview", "rehearse"):
        assert sent.run("diffusion", command, *named, "--batch", "3", code=2).stderr.strip()
    bytes_of = [sent("diffusion", "preview", *named, "--batch", n, "--raw") for n in ("1", "2")]
    assert [("Oui." in b, "Non." in b) for b in bytes_of] == [(True, False), (False, True)]
    assert sent.json("diffusion", "rehearse", *named, "--batch", "1")["recipients"] == 3


def test_of_two_answers_the_first_is_stopped_and_sent_again_by_its_number(ready, mail):
    ready("do", "1", "diffuser", "--yes")
    ready("tick")
    for answer in ("Oui", "Non"):
        words = ("--set", f"question={answer}?", "--set", f"reponse={answer}.")
        ready("do", "1", "repondre_a_tous", *words, "--yes")
    named = ("1", "--message", "reponse_reseau", "--batch", "1")
    said = flat(ready("diffusion", "abort", *named, "--reason", "erreur dans la réponse"))
    again = "inbox diffusion send DI-2026-0001 --message reponse_reseau --batch 1"
    for command in ("abort", "send", "rehearse", "preview", "status"):
        line = f"inbox diffusion {command} 1 --message reponse_reseau --batch "
        assert completed(ready, line) == ["1", "2"]
    assert again in said
    ready("tick")
    assert ready.json("diffusion", "status", *named)["said"] == "0/3"
    assert again in flat(ready("diffusion", "status", *named))
    assert ready.json("diffusion", "status", *named[:3])["said"] == "3/3"
    ready("diffusion", "send", *named, "--yes")
    assert ready.json("diffusion", "status", *named)["said"] == "3/3"
    assert [sorted(r.recipients) for r in mail.received if b"Oui." in r.content] == [
        [f"{letter}@example.org" for letter in "abc"]
    ]


def test_a_newcomer_has_the_sheet_with_the_erratum_and_is_told_that_it_is_new(sent, mail):
    sent("partners", "add", "Cégep D", "--order", "collégial", "--email", "d@example.org")
    assert sent.json("diffusion", "interest", "1")["without_the_sheet"] == ["Cégep D"]
    assert "Cégep D est membre et n'a pas la fiche" in plain(sent("diffusion", "interest", "1"))
    sent(*ERRATUM)
    sent("tick")
    copies = {
        a: r for r in mail.received if "Erratum" in r.message["Subject"] for a in r.recipients
    }
    assert sorted(copies) == [f"{letter}@example.org" for letter in "abcd"]
    bodies = {a: c.message.get_body(("plain",)).get_content() for a, c in copies.items()}
    assert len({bodies[f"{letter}@example.org"] for letter in "abc"}) == 1
    assert "Vous ne l’aviez pas reçue" in bodies["d@example.org"]
    assert "# Titre" in bodies["d@example.org"]
    for body in bodies.values():
        foot = plain(body).rpartition("-- ")[2]
        assert "Pour nous joindre, ou pour changer l'adresse à laquelle nous vous écrivons" in foot
        assert len(foot.strip().splitlines()) >= 3
    (row,) = [r for r in sent.json("diffusion", "interest", "1")["establishments"] if r["newcomer"]]
    assert row["establishment"] == "Cégep D"
    assert "l'a eue après les autres" in plain(sent("diffusion", "interest", "1"))


def test_an_erratum_with_a_newcomer_is_one_batch_that_is_seen_before_it_leaves_and_proven_once(
    sent, mail, tmp_path
):
    sent("partners", "add", "Cégep D", "--order", "collégial", "--email", "d@example.org")
    sent(*ERRATUM)
    named = ("1", "--message", "erratum")
    previewed = sent.json("diffusion", "preview", *named)["messages"]
    assert {m["newcomers"]: sorted(r["name"] for r in m["recipients"]) for m in previewed} == {
        False: ["Cégep A", "Cégep B", "Cégep C"], True: ["Cégep D"],
    }  # fmt: skip
    assert "Pour les nouveaux, qui n'ont pas eu l'envoi d'origine" in plain(
        sent("diffusion", "preview", *named)
    )
    rehearsed = sent.json("diffusion", "rehearse", *named)
    assert (rehearsed["transactions"], rehearsed["waves"], rehearsed["shape"]) == (2, 1, "groups")
    sent("tick")
    sent_bytes = {r.content for r in mail.received if "Erratum" in r.message["Subject"]}
    assert sent_bytes == {m["content"].encode() for m in previewed}
    status = sent.json("diffusion", "status", *named)
    assert (status["said"], status["shape"], len(status["runs"])) == ("4/4", "groups", 1)
    assert set(status["contents"]) == {"fr", "fr/new"}
    assert [d["name"] for d in status["deliveries"] if d["newcomer"]] == ["Cégep D"]
    assert "Cégep D (nouveau)" in plain(sent("diffusion", "status", *named))
    explained = flat(sent("diffusion", "explain", *named))
    had = "3 destinataires ont eu, ou peuvent avoir eu, ce dont il est question. 1 est nouveau"
    assert had in explained
    assert "L'envoi a deux contenus" in explained
    assert "Les deux contenus sont partis dans la même libération" in explained
    assert "Both contents left in the same release" in flat(
        sent("diffusion", "explain", *named, "--lang", "en")
    )
    for form in ("json", "html"):
        sent("diffusion", "certificate", "1", str(tmp_path / f"a.{form}"), *named[1:])
        assert sent.json("diffusion", "verify", str(tmp_path / f"a.{form}"))["whole"]
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [c["newcomers"] for c in document["content"]["contents"]] == [False, True]
    assert document["recipients"]["newcomers"] == 1
    (new,) = [line for line in document["lines"] if line["newcomer"]]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert f'<th scope="row">{new["line"]} (nouveau)</th>' in page
    assert page.count("(nouveau)") == 1
    assert "Cégep D" not in page
    # As a whole word: a Message-ID may end with that letter by chance.
    assert not re.search(r"\bd@example\.org", page)
    # The salt of the diffusion's follow-up message finds the line in the erratum's certificate too.
    texts = [r.message.get_body(("plain",)).get_content() for r in mail.received
             if r.recipients == ["a@example.org"]]  # fmt: skip
    (salt,) = {found for text in texts for found in re.findall(r"--salt ([0-9a-f]{32})", text)}
    mine = ("--salt", salt, "--name", "Cégep A", "--address", "a@example.org")
    assert "Votre ligne est la" in sent("diffusion", "verify", str(tmp_path / "a.json"), *mine)


def test_a_planned_diffusion_is_told_by_show_and_why_and_leaves_at_its_instant(ready, mail):
    ready("do", "1", "diffuser", "--set", f"diffuser_le={PLANNED}", "--yes")
    for words in (["show", "1"], ["why", "1"]):
        said = plain(ready(*words))
        assert "prévu le 18 novembre 2026, 10 h 00, à 3 destinataires fixés le 16 novembre" in said
        (planned,) = ready.json(*words)["planned"]
        assert planned["at"] == "2026-11-18T15:00:00+00:00"
    ready.now = "2026-11-18T09:58"
    ready("tick")
    assert to(mail, "Titre") == []
    ready.now = PLANNED
    ready("tick")
    ready("tick")
    assert len(to(mail, "Titre")) == 3
    shown = ready.json("show", "1")
    assert shown["state"] == "diffusee"
    assert shown["planned"] == []
    assert shown["fields"]["date_limite"] == "2026-12-02"


def test_a_planned_diffusion_is_suspended_before_its_instant_and_not_after(ready, mail):
    ready("do", "1", "diffuser", "--set", f"diffuser_le={PLANNED}", "--yes")
    ready("do", "1", "annuler_embargo", "--note", "Une précision manque", "--yes")
    ready.now = "2026-11-18T11:00"
    ready("tick")
    assert to(mail, "Titre") == []
    assert {d["state"] for d in ready.json("outbox")["deliveries"]} == {"cancelled"}
    assert "retiré, rien n'est parti" in ready("outbox")
    assert ready.json("outbox", "--failed")["deliveries"] == []
    assert ready.json("show", "1")["state"] == "prete"


def test_a_diffusion_that_a_person_stopped_says_so_and_is_corrected_then_sent_anew(ready, mail):
    ready("do", "1", "diffuser", "--set", f"diffuser_le={PLANNED}", "--yes")
    stopped = plain(ready("diffusion", "abort", "1", "--reason", "Une erreur dans la fiche"))
    assert "inbox diffusion send DI-2026-0001" in stopped
    assert "inbox do DI-2026-0001 reprendre_fiche --note" in stopped
    shown = ready.json("show", "1")
    assert (shown["state"], shown["planned"]) == ("diffusion_a_regler", [])
    status = ready.json("diffusion", "status", "1")
    assert plain(status["headline"]) == (
        "0/3 : arrêtée par une personne avant l'envoi; personne n'a rien."
    )
    assert [line for line in status["next"] if "refusé" in line or "ne va pas" in line] == []
    assert "arrêtée par une personne" in plain(ready("diffusion", "explain", "1"))
    ready("do", "1", "reprendre_fiche", "--note", "Le titre se trompe", "--yes")
    assert "retirée avant l'envoi" in plain(ready("diffusion", "status", "1"))
    ready("do", "1", "preparer_fiche", "--set", "fiche_titre=Autre titre")
    assert "Autre titre" in ready("diffusion", "preview", "1")
    ready("diffusion", "send", "1", "--yes")
    assert (to(mail, "Titre"), len(to(mail, "Autre titre"))) == ([], 3)
    assert ready.json("show", "1")["state"] == "diffusee"


def test_a_relay_that_refuses_the_sending_itself_is_not_said_of_each_address(ready, mail):
    mail.faults.size = 100
    rehearsed = flat(ready.run("diffusion", "rehearse", "1", code=1).stdout)
    assert "0/3 seraient pris" in rehearsed
    assert (
        "Le relais ne prend l'envoi pour personne, quelles que soient les adresses : 552"
        in rehearsed
    )
    assert (rehearsed.count("552"), "transaction" in rehearsed) == (1, False)
    ready.run("diffusion", "send", "1", "--yes", code=1)
    told = ready.json("diffusion", "status", "1")["next"]
    assert "Le relais ne prend l'envoi pour personne" in told[0]
    assert not any("adresse se corrige" in line for line in told)
    mail.faults.size = 2**25
    ready("diffusion", "send", "1", "--yes")
    assert len(to(mail, "Titre")) == 3


def test_a_template_that_fails_as_the_message_is_written_is_said_and_mended(ready, mail):
    own = ready.home / "templates/fr/demande/diffusion.txt.j2"
    own.parent.mkdir(parents=True)
    own.write_text("{{ fields.inconnu.value }}", encoding="utf-8")
    failed = ready.run("diffusion", "send", "1", "--yes", code=1)
    assert "Traceback" not in failed.stderr
    status = ready.json("diffusion", "status", "1")
    assert plain(status["headline"]) == "0/3 : rien n'est parti, pour personne."
    assert "notre message n'a pas pu être rédigé (modèle demande/diffusion" in flat(
        status["next"][0]
    )
    assert not any("relais" in line or "adresse se corrige" in line for line in status["next"])
    assert (
        "le relais n'a rien eu à prendre" in flat(plain(ready("diffusion", "explain", "1"))).lower()
    )
    own.unlink()
    ready("diffusion", "send", "1", "--yes")
    assert len(to(mail, "Titre")) == 3


def test_what_nobody_knows_has_its_message_id_and_is_settled_in_one_command(ready, mail):
    mail.faults.drop_after_dot.add("*")
    ready.run("diffusion", "send", "1", "--yes", code=1)
    mail.faults.drop_after_dot.clear()
    failed = ready.json("outbox", "--failed")["deliveries"]
    copies = [d for d in failed if d["message"] == "diffusion"]
    numbers = [str(n) for n in sorted(d["id"] for d in copies)]
    (message_id,) = {d["message_id"] for d in copies}
    for words in (["outbox", "--failed"], ["diffusion", "status", "1"]):
        said = flat(ready(*words))
        assert message_id in said
        assert f"inbox outbox resolve {' '.join(numbers)} --confirmed|--resend" in said
    refused = ready.run(
        "outbox", "resolve", *numbers, "999", "--confirmed", "--reason", "vu", code=2
    )
    assert "999" in refused.stderr
    said = ready(
        "outbox", "resolve", *numbers, "--confirmed", "--reason", "vu au journal du relais"
    )
    assert "prochaine passe" not in said
    ready("tick")
    assert ready.json("diffusion", "status", "1")["said"] == "3/3"


def test_a_mail_server_at_fault_is_named_with_the_next_try_and_send_tries_at_once(
    prepared, tmp_path, mail
):
    down = moved(prepared, tmp_path / "panne", 1)
    sent = flat(down.run("diffusion", "send", "1", "--yes", code=1).stdout)
    for said in (sent, flat(down("diffusion", "status", "1"))):
        assert "rien ne répond à cette adresse" in said
        assert "nouvel essai le 16 novembre 2026, 10 h 01" in said
        assert "fixé au" not in said
    up = moved(down, tmp_path / "espace", mail.port)
    up("diffusion", "send", "1", "--yes")
    assert len(to(mail, "Titre")) == 3


def test_a_planned_instant_outside_opening_hours_is_refused_with_what_to_do(ready):
    done = ready.run(
        "do", "1", "diffuser", "--set", "diffuser_le=2026-11-22T10:00", "--yes", code=1
    )
    assert "L'instant prévu n'est pas un jour ouvrable" in plain(done.stderr)
    assert "Choisissez un autre instant" in plain(done.stderr)


def test_process_show_says_to_whom_each_message_goes(inbox):
    said = plain(inbox("process", "show", "demande"))
    assert "sauf ceux que nomme déjà « Intérêts manifestés »" in said
    assert "rien ne part avant « Diffuser le », s'il est rempli" in said
    assert "annule, tant que rien n'est parti : Diffusion au réseau" in said
    parts = {m["message"]: m for m in inbox.json("process", "show", "demande")["messages"]}
    assert parts["diffusion"]["not_before"] == "diffuser_le"
