"""A cycle by its commands: who is told, in which language, what proves it, how it ends and begins again."""

import pytest


@pytest.fixture
def plan(inbox):
    inbox.now = "2012-11-20T10:00"
    return inbox


def test_who_is_given_an_indicator_for_the_first_time_is_told_and_who_lost_it_at_once_is_not(plan):
    (opened,) = plan.json("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")["moved"]
    plan.now = "2012-11-20T10:00:30"
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseiller")
    mail = [(d["case"], d["name"], d["state"]) for d in plan.json("outbox")["deliveries"]]
    assert mail == [(opened, "Conseiller", "queued"), (opened, "Conseillere", "cancelled")]
    assert "retiré, rien n'est parti" in plan("outbox")


def test_the_mail_of_the_plan_is_in_its_readers_language(plan):
    for login, language in (("conseillere", "en"), ("conseiller", "fr+en")):
        plan("staff", "change", login, "--language", language)
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan("plan", "assign", "E3-A1-O1-I1", "--to", "conseiller")
    played = plan.json("simulate", "--from", "2013-01-30", "--to", "2013-01-30")["happenings"]
    said = {
        h["recipient"]: h["subject"].replace("\u00a0", " ") for h in played if h["kind"] == "mail"
    }
    assert said["Conseillere"] == "E1-A2-O3-I1 – 57 days left"
    assert said["Conseiller"] == "E3-A1-O1-I1 – il reste 57 jours / E3-A1-O1-I1 – 57 days left"
    assert said["direction"].endswith("personne n'en est responsable")


def test_a_file_is_evidence_and_is_asked_for_no_more(plan, tmp_path):
    proof = tmp_path / "sondage.pdf"
    proof.write_bytes(b"%PDF")
    plan.now = "2013-03-28T10:00"
    report = ("do", "E1-A2-O3-I1/2012-2013", "saisir", "--set", "atteinte=atteinte", "--set", "atteint_le=2013-03-20",
              "--set", "resultat=Fait")  # fmt: skip
    assert "preuve" in plan.run(*report, code=1).stderr
    plan(*report, "--attach", str(proof))
    (row,) = plan.json("plan", "show", "E1-A2-O3-I1")["cycles"]
    assert row["missing"] == ["validation", "adoption"]
    plan(
        "do",
        row["case"],
        "corriger",
        "--set",
        "preuve=Le rapport, et ses annexes",
        "--note",
        "Complété",
    )
    more = tmp_path / "annexe.pdf"
    more.write_bytes(b"%PDF")
    plan("do", row["case"], "corriger", "--attach", str(more), "--note", "Complété encore")
    lines = plan.json("report", "2012-2013", str(tmp_path / "r.html"))["lines"]
    (evidence,) = (n["evidence"] for n in lines if n["indicator"] == "E1-A2-O3-I1")
    assert evidence == ["Le rapport, et ses annexes", "sondage.pdf", "annexe.pdf"]


def test_what_was_not_applicable_says_why_and_is_taken_up_again_with_a_reason(plan, tmp_path):
    cycle, report = "E1-A2-O3-I1/2012-2013", ("report", "2012-2013", str(tmp_path / "r.html"))
    plan("do", cycle, "declarer_sans_objet", "--yes", "--set", "motif_fin=Programme aboli")
    why = "sans objet (statut donné par direction le 20 novembre 2012; motif : Programme aboli)"
    assert why in plan("plan").replace("\u00a0", " ")
    plan(*report)
    assert why in (tmp_path / "r.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    plan.run("do", cycle, "reprendre", code=1)
    plan("do", cycle, "reprendre", "--note", "Il est rétabli")
    (row,) = plan.json("plan", "show", "E1-A2-O3-I1")["cycles"]
    assert (row["status"], row["status_given"]) == ("en_voie", None)
    assert "Il est rétabli" in plan("history", cycle)
    assert plan.json("show", cycle)["timers"]


def test_a_rehearsal_says_the_mail_that_waits_already_and_leaves_it_waiting(plan):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan.now = "2012-11-20T10:05"
    waiting = plan.json("outbox")["deliveries"]
    played = plan.json("simulate", "--to", "2013-01-30")["happenings"]
    first, *later = [h for h in played if h["kind"] == "mail" and h["recipient"] == "Conseillere"]
    assert (first["name"], first["at"][:16], first["waiting_since"][:16]) == (
        "attribution", "2012-11-20T10:05", "2012-11-20T10:00",
    )  # fmt: skip
    assert [(h["name"], h["at"][:16], h["waiting_since"]) for h in later] == [
        ("rappel", "2013-01-30T08:30", None)
    ]
    said = plan("simulate", "--to", "2012-11-20").replace("\u00a0", " ")
    assert "un cycle vous est confié (en attente depuis le 20 novembre 2012, 10 h 00)" in said
    assert "1 message partirait" in said
    assert plan.json("outbox")["deliveries"] == waiting
