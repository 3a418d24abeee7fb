"""What surrounds the work at the shell: TAB, options, help, colour, typing errors, JSON, logs."""

import asyncio
import json
import logging
import socket
import ssl
import threading
from types import SimpleNamespace

import aiosmtplib
import pytest

from engine.errors import Unavailable
from inbox import mailwords
from inbox.commands import clock
from notifications.certificate import causes
from notifications.outcome import FAULTS, said
from tests.acceptance.test_terminal import Terminal

NAMED = ("register", "--organisation", "Office minier", "--subject", "Formation de mineurs")
GROUPS = ("partners", "staff", "outbox", "process", "diffusion")


@pytest.fixture
def request_(inbox):
    inbox(*NAMED)
    return inbox


# --- TAB ----------------------------------------------------------------------------------------


def completed(inbox, line, **extra):
    """Return what TAB offers at the end of a line, as zsh asks; nothing else may be printed."""
    words = line.split(" ")
    done = inbox.run(_INBOX_COMPLETE="zsh_complete", COMP_WORDS=line,
                     COMP_CWORD=str(len(words) - 1), **extra)  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()[1::3]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("inbox assign 1 --to conseill", ["conseiller", "conseillere"]),
        ("inbox list --as dir", ["direction"]),
        ("inbox --as dir", ["direction"]),
        ("inbox list --owner dir", ["direction"]),
        ("inbox staff absent conseillere --substitute dir", ["direction"]),
        ("inbox staff leave dir", ["direction"]),
        ("inbox staff add x --role cons", ["conseiller"]),
        ("inbox list --state precis", ["precision"]),
        ("inbox list --process renc", ["rencontre"]),
        ("inbox process show dem", ["demande"]),
        ("inbox why 1 --action confirmer_d", ["confirmer_diffusion"]),
        ("inbox do 1 rechercher --set rien", ["recherches.rien_trouve="]),
        ("inbox do 1 rechercher --set rien_trouve=o", ["rien_trouve=oui"]),
        ("inbox do 1 corriger --set canal=tele", ["canal=telephone"]),
        ("inbox register --channel evene", ["evenement"]),
        ("inbox register --set cana", ["canal="]),
        ("inbox diffusion status 1 --message erra", ["erratum"]),
        ("inbox outbox re", ["resolve", "retry"]),
    ],
)
def test_tab_offers_what_the_workspace_knows_and_prints_nothing_else(request_, line, words):
    assert completed(request_, line) == words


def test_tab_offers_members_by_any_part_of_their_names(inbox):
    inbox("partners", "import", "inbox/demo/partenaires.csv")
    assert "Cégep de Sept-Îles" in completed(inbox, "inbox partners contact sept-iles")
    assert "Cégep de Sept-Îles" in completed(inbox, "inbox partners leave sept-iles")


def test_tab_where_there_is_no_workspace_offers_nothing(tmp_path, inbox):
    assert completed(inbox, "inbox assign 1 --to ", INBOX_HOME=str(tmp_path / "rien")) == []


def test_bash_completes_around_the_equals_sign_and_escapes_spaces(request_):
    def offered(*words):
        done = request_.run(_INBOX_COMPLETE="bash_complete", COMP_WORDS="\n".join(words),
                            COMP_CWORD=str(len(words) - 1))  # fmt: skip
        return [line.removeprefix("plain,") for line in done.stdout.splitlines()]

    assert offered("inbox", "do", "1", "rechercher", "--set", "rien_trouve", "=", "o") == ["oui"]
    assert offered("inbox", "do", "1", "rechercher", "--set", "rien_trouve", "=") == ["oui", "non"]
    assert offered("inbox", "list", "--state", "=", "precis") == ["precision"]
    request_("partners", "import", "inbox/demo/partenaires.csv")
    # The script reads one of the two bars away.
    assert r"Cégep\\ de\\ Rimouski" in offered("inbox", "partners", "contact", "Rimouski")
    assert "nospace" in request_("completion", "bash")


# --- options and help ---------------------------------------------------------------------------


def test_the_common_options_go_before_or_after_the_subcommand(inbox):
    home = str(inbox.home)
    for words in (["partners", "--home", home, "--json", "list"], ["partners", "list", "--home", home, "--json"],
                  ["outbox", "--home", home, "--json"], ["outbox", "--home", home, "--json", "list"],
                  ["staff", "--as", "conseillere", "--json", "list"]):  # fmt: skip
        done = inbox.run(*words, INBOX_HOME="/nulle/part" if home in words else home)
        assert json.loads(done.stdout)["rehearsal"] is True


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_has_examples_and_cuts_nothing(inbox, group):
    said = inbox.run(group, "--help", COLUMNS="100").stdout
    assert "Exemples:" in said.replace("\u00a0", "")
    assert f"  inbox {group} " in said
    assert "..." not in said.partition("Commandes")[2]
    assert max(map(len, said.splitlines())) <= 100
    for option in ("--home", "--json", "--lang", "--as", "--debug"):
        assert option in said
    assert "inbox.toml" in said


# --- answers in JSON ----------------------------------------------------------------------------


def test_every_answer_in_json_says_whether_it_is_a_rehearsal(request_, tmp_path):
    for words, code in ((["list"], 0), (["verify"], 0), (["staff", "list"], 0), (["take", "1"], 0),
                        (["show", "77"], 2), (["do", "1", "diffuser"], 1)):  # fmt: skip
        assert request_.json(*words, code=code)["rehearsal"] is True, words
    assert request_.json("--home", str(tmp_path / "rien"), "list", code=2)["rehearsal"] is None
    settings = request_.home / "inbox.toml"
    settings.write_text(settings.read_text("utf-8").replace("rehearsal = true", "rehearsal = false"), "utf-8")  # fmt: skip
    assert request_.json("list")["rehearsal"] is False


def test_errors_in_json_have_stable_names_and_what_was_probably_meant(request_):
    assert request_.json("list", "--nimporte", code=2)["error"] == "Usage"
    assert request_.json("register", "--data", "absent.json", code=2)["error"] == "Usage"
    missing = request_.json("do", "1", "rechercer", code=2)
    assert (missing["error"], missing["kind"], missing["name"], missing["near"]) == (
        "NotFound", "action", "rechercer", ["rechercher"])  # fmt: skip
    assert request_.json("diffusion", "status", "1", code=2)["kind"] == "message"
    request_("partners", "import", "inbox/demo/partenaires.csv")
    several = request_.json("partners", "contact", "Sept-Îles", "a@example.org", code=2)
    assert (several["error"], several["name"]) == ("Ambiguous", "Sept-Îles")
    assert len(several["candidates"]) == 2


# --- colour -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "bold"),
    [("NO_COLOR", "1", False), ("TERM", "dumb", False), ("NO_COLOR", "", True)],
)
def test_nothing_stands_out_where_nothing_is_to(inbox, monkeypatch, variable, value, bold):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    terminal = Terminal(inbox)
    assert terminal.end() == 0
    assert ("\x1b[" in terminal.seen) == bold


# --- typing errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["list", "--state", "precisoin"], "precision"),
        (["list", "--owner", "conseilere"], "conseillere"),
        (["list", "--process", "demnde"], "demande"),
        (["staff", "add", "x", "--name", "X", "--email", "x@example.org", "--role", "conseler"], "conseiller"),
        (["staff", "change", "conseillere", "--role", "conseler"], "conseiller"),
    ],
    ids=lambda v: v[-1] if isinstance(v, list) else v,
)  # fmt: skip
def test_what_does_not_exist_is_told_with_what_was_probably_meant(inbox, words, near):
    assert near in inbox.run(*words, code=2).stderr.partition("Peut-être")[2]


def test_a_state_may_be_named_by_its_label(request_):
    for name in ("enregistree", "Inscrite", "INSCRITE", "registered"):
        assert len(request_.json("list", "--state", name)["cases"]) == 1
    assert request_.json("list", "--state", "A PRECISER")["cases"] == []
    assert (
        request_.json("list", "--state", "inscrite", "--process", "rencontre", code=2)["kind"]
        == "state"
    )


def test_a_contact_without_an_address_is_a_name_and_that_is_said(inbox):
    done = inbox.run(*NAMED, "--contact", "pas une adresse")
    assert "aucun accusé de réception ne part" in done.stderr
    assert inbox.json("show", "1")["fields"]["contact_nom"] == "pas une adresse"
    assert "accusé" not in inbox.run(*NAMED, "--contact", "a@example.org").stderr


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"


@pytest.mark.parametrize(
    ("name", "content", "place", "words"),
    [
        ("v.yaml", BOMB, "1:4", "nomme ce morceau pour le répéter"),
        ("v.yaml", "source: !!python/object:os.system x\n", "1:9", "étiquettes"),
        ("v.json", '{"source": "x",\n "constat": oui}', "2:13", "une valeur est attendue"),
        ("v.json", '{"source": "x"', "1:15", "une virgule est attendue"),
        ("v.json", "", "1:1", "une valeur est attendue"),
        ("v.json", "[" * 100_000, "1:31", "trop profondément"),
        ("v.json", f'{{"source": {"9" * 5000}}}', "1:1", "trop de chiffres"),
        ("v.json", '{"a": "\\x"}', "1:8", "illisible"),
        ("v.json", "[1]", "1:1", "des champs et leurs valeurs"),
        ("v.json", '{"ok": 1,\n "source": "é"}'.encode("latin-1"), "2:13", "pas en UTF-8"),
        ("v.csv", "source;x\n", "1:1", ".json ou .yaml"),
    ],
)
def test_a_file_of_values_that_cannot_be_read_is_told_with_its_place(
    request_, tmp_path, name, content, place, words
):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    done = request_.run("do", "1", "rechercher", "--data", str(path), code=2)
    assert f"{path}:{place}: " in done.stderr
    assert words in done.stderr
    assert "définition" not in done.stderr
    assert len(done.stderr) < 3000


def test_a_file_of_values_is_refused_in_english_too_and_a_mark_at_its_start_is_not(
    request_, tmp_path
):
    path = tmp_path / "v.json"
    path.write_text('{"source": }', encoding="utf-8")
    told = request_.json("do", "1", "rechercher", "--data", str(path), "--lang", "en", code=2)
    assert (told["error"], told["findings"][0]["column"]) == ("InvalidData", 12)
    assert told["findings"][0]["message"].startswith("a value is expected here")
    path.write_text('{"source": "Web", "rien_trouve": "oui"}', encoding="utf-8-sig")
    request_("do", "1", "rechercher", "--data", str(path))


# --- mail that does not leave -------------------------------------------------------------------


def test_a_mail_server_that_does_not_answer_is_told_in_words(inbox):
    settings = inbox.home / "inbox.toml"
    text = settings.read_text("utf-8")
    port = next(line for line in text.splitlines() if line.startswith("port ="))
    settings.write_text(text.replace(port, "port = 1"), "utf-8")
    inbox(*NAMED, "--contact", "a@example.org")
    assert "rien ne répond à cette adresse (" in inbox.run("tick", code=4).stderr
    assert "rien ne répond à cette adresse" in inbox("outbox")
    assert "nothing answers at that address" in inbox.run("doctor", "--lang", "en", code=4).stdout


def caused(cause):
    try:
        try:
            raise cause
        except OSError as error:
            raise aiosmtplib.SMTPConnectError("the library's words") from error
    except aiosmtplib.SMTPConnectError as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (caused(ConnectionRefusedError(111, "refused")), "rien ne répond à cette adresse"),
        (caused(socket.gaierror(-2, "unknown")), "ce nom de serveur est inconnu"),
        (caused(ssl.SSLCertVerificationError(1, "expired")), "chiffrement (TLS)"),
        (aiosmtplib.SMTPException("SMTP STARTTLS extension not supported by server."), "(TLS)"),
        (aiosmtplib.SMTPReadTimeoutError("too long"), "n'a pas répondu à temps"),
        (aiosmtplib.SMTPServerDisconnected("Unexpected EOF received"), "la connexion a été coupée"),
        (aiosmtplib.SMTPAuthenticationError(535, "no"), "refuse l'identifiant ou le mot de passe"),
    ],
)
def test_the_usual_faults_of_mail_have_their_words(error, words):
    shown = mailwords.said(f"mail.example.org:587: {said(error)}")
    assert shown.startswith("mail.example.org:587: ")
    assert words in shown
    assert str(error) in shown


def test_every_kind_of_fault_has_its_words_and_a_servers_reply_is_left_as_it_is():
    for kind in (*FAULTS, *causes._OURS):
        assert mailwords.said(kind) != kind
        assert causes.cause(f"{kind} (détail)") in causes.CAUSES.keys() - {"other"}
    assert mailwords.said("550 no such user (here)") == "550 no such user (here)"
    assert said(asyncio.CancelledError()) == "CancelledError"


# --- the service and its database ---------------------------------------------------------------


def test_the_service_waits_longer_and_longer_for_a_database_and_says_when_it_is_back(
    monkeypatch, caplog
):
    now, tried, down = [0.0], [], [True]

    def one_pass(*_):
        tried.append(now[0])
        if down[0]:
            raise Unavailable("database", "connection refused")
        return (
            SimpleNamespace(fired=0),
            SimpleNamespace(states={}, fault=None),
            SimpleNamespace(effects=()),
            (),
            0,
        )

    monkeypatch.setattr(clock, "one_pass", one_pass)
    caplog.set_level(logging.INFO, "inbox.serve")
    passes = clock.Passes(SimpleNamespace(), threading.Event(), lambda: now[0])
    while now[0] < 1200:
        passes()
        now[0] += 5
    assert tried == [0, 5, 15, 35, 75, 155, 315, 615, 915]
    assert len(caplog.records) == len(tried)
    assert "next try in 300 s" in caplog.records[-1].getMessage()
    line = json.loads(clock._JsonLines().format(caplog.records[0]))
    assert "connection refused" in line["message"]
    assert "error" not in line  # no traceback
    down[0] = False
    now[0] = 1215.0
    passes()
    passes()
    assert "can be used again" in caplog.records[-1].getMessage()
    assert len(caplog.records) == len(tried) - 1
