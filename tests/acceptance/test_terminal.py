"""On a terminal, what is missing is asked for, one field at a time."""

import os
import pty
import select
import subprocess
import sys
import time

from tests.support.commands import ROOT


class Terminal:
    """A command on a terminal of its own, answered as a person would."""

    def __init__(self, inbox, *words):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inbox", *words],
            cwd=ROOT, env=inbox.environment(), stdin=slave, stdout=slave, stderr=slave, close_fds=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def wait_for(self, text):
        deadline = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if ready:
                self.seen += os.read(self.master, 4096).decode(errors="replace")

    def answer(self, question, line):
        self.wait_for(question)
        self.seen = self.seen.partition(question)[2]
        os.write(self.master, f"{line}\n".encode())

    def end(self):
        try:
            while select.select([self.master], [], [], 5)[0]:
                chunk = os.read(self.master, 4096)
                if not chunk:
                    break
                self.seen += chunk.decode(errors="replace")
        except OSError:  # the other end has closed
            pass
        code = self.process.wait(timeout=30)
        os.close(self.master)
        return code


def test_the_fields_that_are_missing_are_asked_one_by_one_until_each_can_be_read(inbox):
    inbox("register", "--organisation", "O", "--subject", "S")
    inbox("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    terminal = Terminal(inbox, "do", "1", "orienter")
    terminal.answer("orientation", "n'importe quoi")
    terminal.wait_for("n'est pas un des choix")
    terminal.answer("orientation", "ecrite")
    terminal.answer("orientation_motif", "Un courriel suffit")
    assert terminal.end() == 0
    assert "À préciser" in terminal.seen
    assert inbox.json("show", "1")["fields"]["orientation"] == "ecrite"


def test_a_field_required_because_of_another_answer_is_asked_for_too(inbox):
    inbox("register", "--organisation", "O", "--subject", "S")
    terminal = Terminal(inbox, "do", "1", "rechercher", "--set", "source=Web")
    terminal.answer("constat (Entrée pour passer): ", "Un ministère existe")
    terminal.answer("rien_trouve (Entrée pour passer): ", "")
    assert terminal.end() == 0
    assert inbox.json("show", "1")["fields"]["recherches"][0]["constat"] == "Un ministère existe"


def test_nothing_found_can_be_said_where_what_was_found_would_be(inbox):
    inbox("register", "--organisation", "O", "--subject", "S")
    terminal = Terminal(inbox, "do", "1", "rechercher")
    terminal.answer("source: ", "Web")
    terminal.answer("constat (Entrée pour passer): ", "")
    terminal.answer("rien_trouve (Entrée pour passer): ", "oui")
    assert terminal.end() == 0
    assert inbox.json("show", "1")["fields"]["recherches"][0]["rien_trouve"] is True


def test_what_cannot_be_taken_back_is_confirmed_first_and_no_changes_nothing(inbox):
    inbox("register", "--organisation", "O", "--subject", "S")
    for answer, state, code in (("n", "enregistree", 1), ("peut-être\noui", "hors_mandat", 0)):
        terminal = Terminal(inbox, "do", "1", "classer_hors_mandat", "--set", "motif_fermeture=x")
        terminal.answer("Continuer", answer)
        assert terminal.end() == code
        assert ("Rien n'a été changé." in terminal.seen) == (answer == "n")
        assert inbox.json("show", "1")["state"] == state


def test_an_action_that_is_not_possible_asks_nothing(inbox):
    inbox("register", "--organisation", "O", "--subject", "S")
    terminal = Terminal(inbox, "do", "1", "orienter")
    assert terminal.end() == 1
    assert "Refusé" in terminal.seen
