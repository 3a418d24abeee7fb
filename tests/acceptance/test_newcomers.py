"""Establishments that join after the sheet, and errata that somebody lacks, through the real command."""

import re
import shlex

from tests.acceptance.test_follow_up import flat, plain, to

ERRATUM = ("--set", "erratum_texte=Le nombre", "--set", "rectification=60 places", "--yes")  # fmt: skip
ANSWER = ("--set", "question=Quand?", "--set", "reponse=En mai.", "--yes")


def texts(mail, address, subject):
    """Return what an address has received under a subject, as text."""
    return [
        r.message.get_body(("plain",)).get_content()
        for r in mail.received
        if address in r.recipients and subject in r.message["Subject"]
    ]


def member(inbox, letter):
    inbox("partners", "add", f"Cégep {letter}", "--order", "collégial",
          "--email", f"{letter.lower()}@example.org")  # fmt: skip


def test_a_newcomer_reads_all_that_was_said_and_finds_its_line_with_the_command_of_its_letter(
    sent, mail, tmp_path
):
    sent("do", "1", "rectifier", *ERRATUM)
    sent("tick")
    member(sent, "D")
    sent("do", "1", "repondre_a_tous", *ANSWER)
    assert "elle est en route" in plain(sent("diffusion", "interest", "1"))
    sent("tick")
    (read,) = texts(mail, "d@example.org", "Question et réponse")
    places = [read.index(words) for words in ("# Titre", "60 places", "En mai.")]
    assert places == sorted(places)
    sent("tick")
    assert to(mail, "Attestation") == [f"{letter}@example.org" for letter in "abcd"]
    (letter,) = texts(mail, "d@example.org", "Attestation")
    assert "avec l’envoi" in letter
    file = tmp_path / "attestation.json"
    made = sent.json("diffusion", "certificate", "1", str(file), "--message", "reponse_reseau")
    assert made["sha256"] in letter
    words = shlex.split(re.search(r"inbox (diffusion verify .*)", plain(letter)).group(1))
    key = str(sent.home / "keys" / "signing.pub.pem")
    words = [{"attestation.json": str(file), "institut.pem": key}.get(w, w) for w in words]
    assert "Votre ligne est la" in sent(*words)


def test_an_erratum_that_somebody_lacks_is_a_task_that_is_settled_or_accepted_before_the_end(
    sent, mail
):
    mail.faults.refuse_rcpt["b@example.org"] = "550 5.1.1 unknown"
    sent("do", "1", "rectifier", *ERRATUM)
    sent("tick")
    shown = sent.json("show", "1")
    assert shown["state"] == "suite_a_regler"
    status = flat(sent("diffusion", "status", "1", "--message", "erratum"))
    assert "inbox do DI-2026-0001 accepter_suite" in status
    mail.faults.refuse_rcpt.clear()
    sent("diffusion", "send", "1", "--message", "erratum", "--yes")
    sent("tick")
    assert sent.json("show", "1")["state"] == "diffusee"
    assert to(mail, "Erratum") == [f"{letter}@example.org" for letter in "abc"]
    mail.faults.refuse_rcpt["b@example.org"] = "550 5.1.1 unknown"
    sent.now = "2026-12-02T10:00"
    sent("tick")
    sent("do", "1", "rectifier", *ERRATUM)
    early = flat(sent.run("do", "1", "conclure_suivi", "--note", "Fini", code=1).stderr)
    assert "n'est pas encore parti pour tous" in early
    sent("tick")
    assert sent.json("show", "1")["state"] == "suivi_avec_retour"
    assert sent.run("do", "1", "conclure_suivi", "--note", "Fini", code=1).stderr
    sent("do", "1", "accepter_suite", "--set", "exception_motif=Fermé", "--yes")  # fmt: skip
    sent("do", "1", "conclure_suivi", "--note", "Fini")
    assert sent.json("show", "1")["state"] == "terminee_incomplete"


def test_an_erratum_that_was_stopped_reaches_who_joined_since_when_it_is_sent_again(sent, mail):
    sent("do", "1", "rectifier", *ERRATUM)
    sent("diffusion", "abort", "1", "--message", "erratum", "--reason", "une coquille")
    sent("tick")
    assert sent.json("show", "1")["state"] == "suite_a_regler"
    member(sent, "D")
    sent("diffusion", "send", "1", "--message", "erratum", "--yes")
    assert to(mail, "Erratum") == [f"{letter}@example.org" for letter in "abcd"]
    status = sent.json("diffusion", "status", "1", "--message", "erratum")
    assert (status["said"], status["complete"]) == ("4/4", True)
    sent("tick")
    assert sent.json("show", "1")["state"] == "diffusee"


def test_a_withdrawal_of_a_planned_diffusion_leaves_nothing_and_tells_nobody(ready, mail):
    ready("do", "1", "diffuser", "--set", "diffuser_le=2026-11-18T10:00", "--yes")
    ready("do", "1", "retirer", "--set", "motif_fermeture=Le projet est annulé", "--yes")
    ready.now = "2026-11-18T11:00"
    ready("tick")
    assert to(mail, "") == []
    assert ready.json("show", "1")["state"] == "retiree"
