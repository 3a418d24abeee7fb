"""Reports that come back, through the real command: files, folders, IMAP, and by themselves."""

import mailbox

import pytest

from tests.acceptance.test_words import NAMED, diffused
from tests.support.commands import moved
from tests.support.imap import PASSWORD, USER, ImapServer, TlsFront, certificate
from tests.support.mail import MailServer, free_port
from tests.support.notices import Notice, exim, gmail, postfix, qmail

SECRET = {"ARRIMAGE_IMAP_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def sent_once(tmp_path_factory, made_once):
    """A workspace whose request was diffused to one establishment, by the real command."""
    home = tmp_path_factory.mktemp("diffusee") / "espace"
    with MailServer() as server:
        inbox = moved(made_once, home, server.port)
        inbox(*NAMED)
        inbox("take", "1")
        diffused(inbox)
    assert inbox.json("show", "1")["state"] == "diffusee"
    return inbox


@pytest.fixture
def sent(sent_once, tmp_path, mail):
    """A copy of it, of one's own."""
    return moved(sent_once, tmp_path / "espace", mail.port)


@pytest.fixture
def imap():
    with ImapServer() as server:
        yield server


@pytest.fixture(scope="module")
def about(sent_once):
    """What the diffusion would be reported by."""
    listed = sent_once.json("outbox", "1")["deliveries"]
    (found,) = [d for d in listed if d["message"] == "diffusion"]
    return Notice(found["message_id"], "a@example.org")


def settings(inbox, **bounces):
    """Write the [bounces] of the workspace."""
    path = inbox.home / "inbox.toml"
    before, _, after = path.read_text(encoding="utf-8").partition("[bounces]")
    written = "".join(
        f"{key} = {value if isinstance(value, int) else repr(value)}\n"
        for key, value in bounces.items()
    )
    rest = after[after.index("[calendar]") :]
    path.write_text(f"{before}[bounces]\n{written}\n{rest}", encoding="utf-8")


def over_imap(inbox, server, **more):
    settings(inbox, **{"host": "127.0.0.1", "port": server.port, "security": "none",
                       "username": USER, **more})  # fmt: skip


def test_a_returned_message_is_a_task_then_a_corrected_address_settles_it(sent, tmp_path, about):
    file = tmp_path / "avis.eml"
    file.write_bytes(postfix(about.but(said="550 5.1.1 <a@example.org>: inconnu")))
    looked = sent.json("outbox", "bounces", str(file), "--dry-run")
    assert (looked["dry_run"], looked["recorded"][0]["state"]) == (True, "bounced")
    assert sent.json("show", "1")["state"] == "diffusee"
    said = sent("outbox", "bounces", str(file))
    assert "non remis" in said
    assert "550 5.1.1 <a@example.org>" in said
    again = sent.json("outbox", "bounces", str(file))
    assert (again["recorded"], again["known"]) == ([], 1)
    sent("tick")
    shown = sent.json("show", "1")
    assert (shown["state"], shown["owner"]) == ("retour_a_regler", "direction")
    assert "Joindre l'établissement" in sent().replace("’", "'")
    status = sent.json("diffusion", "status", "1")
    assert status["said"] == "0/1"
    assert status["deliveries"][0]["state"] == "bounced"
    failed = sent("outbox", "--failed")
    assert "revenu" in failed
    assert "inbox outbox retry" in failed
    number = str(sent.json("outbox", "--failed")["deliveries"][0]["id"])
    sent("partners", "contact", "Cégep A", "mieux@example.org", "--reason", "adresse corrigée")
    sent("outbox", "retry", number, "--reason", "adresse corrigée")
    sent("tick")
    assert sent.json("show", "1")["state"] == "diffusee"
    assert "1/1" in sent("diffusion", "status", "1")
    sent("verify")


def test_a_person_who_knows_better_says_that_it_arrived(sent, tmp_path, about):
    (tmp_path / "avis.eml").write_bytes(gmail(about))
    sent("outbox", "bounces", str(tmp_path / "avis.eml"))
    number = str(sent.json("outbox", "--failed")["deliveries"][0]["id"])
    sent("outbox", "resolve", number, "--confirmed", "--reason", "l'école l'a, au téléphone")
    sent("tick")
    assert sent.json("show", "1")["state"] == "diffusee"


@pytest.mark.parametrize("kind", ["mbox", "Maildir"])
def test_a_mailbox_is_read_message_by_message_and_left_as_it_was(sent, tmp_path, kind, about):
    make = {"mbox": mailbox.mbox, "Maildir": mailbox.Maildir}[kind]
    kept = tmp_path / "boites"
    kept.mkdir()
    with_reports = make(kept / kind)
    for raw in (
        b"Subject: Bonjour\r\n\r\nMerci de la fiche.\r\n",
        exim(about.but(action="delayed", status="4.4.1", report="<a@mx.example.org>")),
        exim(about.but(message_id="<autre@example.org>", report="<b@mx.example.org>")),
        qmail(about.but(report="<c@mx.example.org>")),
        b"\xff\xfe\x00Content-Type: multipart/report\r\n\r\n",
        postfix(about.but(original="jean@example.net", report="<d@mx.example.org>")),
    ):
        with_reports.add(raw)
    with_reports.close()
    before = {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()}
    read = sent.json("outbox", "bounces", str(kept / kind))
    counts = {k: read[k] for k in ("messages", "reports", "elsewhere", "not_understood")}
    assert counts == {"messages": 6, "reports": 4, "elsewhere": 1, "not_understood": 2}
    assert read["strangers"] == ["jean@example.net"]
    assert sorted(r["action"] for r in read["recorded"]) == ["delayed", "failed"]
    assert {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()} == before
    said = sent("outbox", "bounces", str(kept / kind))
    assert "2 déjà consignés" in said
    assert "jean@example.net" in said


def test_over_imap_only_what_was_recorded_is_marked_as_seen(sent, imap, about):
    over_imap(sent, imap)
    imap.deliver(postfix(about), b"Subject: Bonjour\r\n\r\nMerci.\r\n")
    looked = sent.run("outbox", "bounces", "--imap", "--dry-run", **SECRET).stdout
    assert "non remis" in looked
    assert imap.unseen() == 2
    assert "non remis" in sent.run("outbox", "bounces", "--imap", **SECRET).stdout
    assert imap.unseen() == 1
    again = sent.run("outbox", "bounces", "--imap", **SECRET).stdout
    assert "1 message lu, 0 avis trouvé" in again


def test_over_imap_what_was_recorded_moves_to_its_folder(sent, imap, about):
    imap.folder("Faits")
    over_imap(sent, imap, done="Faits")
    imap.deliver(b"Subject: Bonjour\r\n\r\nMerci.\r\n", postfix(about))
    sent.run("outbox", "bounces", "--imap", **SECRET)
    assert (imap.count(), imap.count("Faits")) == (1, 1)


def test_a_pass_reads_the_mailbox_by_itself(sent, imap, about):
    over_imap(sent, imap)
    imap.deliver(postfix(about))
    done = sent.run("tick", "--json", **SECRET).stdout
    assert '"returned": 1' in done
    assert sent.json("show", "1")["state"] == "retour_a_regler"
    assert imap.unseen() == 0


def test_a_pass_reads_a_file_by_itself_and_the_doctor_looks_at_it(sent, tmp_path, about):
    file = sent.home / "avis"
    settings(sent, mailbox="avis")
    checked = sent.json("doctor", code=4)["checks"]
    assert [c["ok"] for c in checked if c["check"] == "bounces"] == [False]
    fault = sent.json("tick", code=4)["bounces_fault"]
    assert fault.startswith("no such file")
    file.write_bytes(postfix(about))
    checked = sent.json("doctor")["checks"]
    assert [c["ok"] for c in checked if c["check"] == "bounces"] == [True]
    assert "revenu" in sent("tick")
    assert sent.json("show", "1")["state"] == "retour_a_regler"


def test_a_service_reads_it_too_and_says_so_in_its_log(sent, imap, about):
    import os

    over_imap(sent, imap)
    imap.deliver(postfix(about))
    os.environ.update(SECRET)
    try:
        service = sent.start("serve", "--every", "1")
    finally:
        for name in SECRET:
            del os.environ[name]
    heard = []
    for line in service.stdout:
        heard.append(line)
        if "diffusion: failed 5.1.1" in line:
            break
    service.terminate()
    rest, _ = service.communicate()
    assert "now bounced" in heard[-1]
    assert "Traceback" not in "".join(heard) + rest


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_connection_is_encrypted_and_the_server_proves_who_it_is(
    sent, tmp_path, security, about
):
    pem = certificate(tmp_path)
    with ImapServer(pem) as plain, TlsFront(plain.port, pem) as front:
        over_imap(sent, front if security == "tls" else plain, security=security)
        plain.deliver(postfix(about))
        trusting = {**SECRET, "SSL_CERT_FILE": str(pem)}
        refused = sent.run("outbox", "bounces", "--imap", code=4, **SECRET)
        assert "TLS" in refused.stderr
        assert "non remis" in sent.run("outbox", "bounces", "--imap", **trusting).stdout


def test_a_server_that_fails_is_said_in_words_and_its_password_never_shown(sent, imap):
    over_imap(sent, imap)
    refused = sent.run("outbox", "bounces", "--imap", code=4, ARRIMAGE_IMAP_PASSWORD="faux secret")
    assert "refuse l'identifiant ou le mot de passe" in refused.stderr.replace("’", "'")
    assert "faux secret" not in refused.stderr
    settings(sent, host="127.0.0.1", port=free_port(), security="none", username=USER)
    assert "rien ne répond" in sent.run("outbox", "bounces", "--imap", code=4).stderr
    settings(sent, host="imap.example.org", username=USER)
    assert "répétition" in sent.run("outbox", "bounces", "--imap", code=4).stderr


def test_at_work_nothing_is_read_in_clear_from_another_machine(sent):
    path = sent.home / "inbox.toml"
    path.write_text(path.read_text().replace("rehearsal = true", "rehearsal = false"))
    settings(sent, host="imap.example.org", security="none", username=USER)
    refused = sent.run("outbox", "bounces", "--imap", code=4)
    assert "doit être chiffré" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["outbox", "bounces"], 2),
        (["outbox", "bounces", "--imap"], 2),
        (["outbox", "bounces", "avis", "--imap"], 2),
        (["outbox", "bounces", "nulle-part"], 4),
        (["outbox", "bounces", "."], 4),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(inbox, words, code):
    refused = inbox.run(*words, code=code)
    assert refused.stderr.strip()
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("bounces", "line"),
    [
        ({"mailbox": "avis", "host": "imap.example.org"}, "mailbox"),
        ({"host": "imap.example.org", "security": "ssl"}, "security"),
        ({"hote": "imap.example.org"}, "hote"),
        ({"every": "souvent"}, "every"),
    ],
)
def test_a_bad_setting_is_named_with_its_line(inbox, bounces, line):
    settings(inbox, **bounces)
    lines = (inbox.home / "inbox.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("[bounces]")
    at = next(n for n, text in enumerate(lines, 1) if n > start and text.startswith(line))
    assert f"inbox.toml:{at}: « {line} »".replace(" ", "") in inbox.run(
        "outbox", code=4
    ).stderr.replace("\u00a0", " ").replace(" ", "")
