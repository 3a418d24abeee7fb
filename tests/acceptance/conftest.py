"""A request that can be diffused, or was, by the real command."""

import pytest

from tests.acceptance.test_command import NAMED
from tests.support.commands import complete, moved


@pytest.fixture(scope="module")
def prepared(made_once, tmp_path_factory):
    """A request that can be diffused to three establishments, made once by the real command."""
    inbox = moved(made_once, tmp_path_factory.mktemp("suivi") / "espace", 2525)
    inbox(*NAMED, "--country", "Maroc")
    inbox("take", "1")
    for letter in "ABC":
        inbox("partners", "add", f"Cégep {letter}", "--order", "collégial",
              "--email", f"{letter.lower()}@example.org")  # fmt: skip
    complete(inbox)
    return inbox


@pytest.fixture
def ready(prepared, tmp_path, mail):
    return moved(prepared, tmp_path / "espace", mail.port)


@pytest.fixture
def sent(ready):
    ready("do", "1", "diffuser", "--yes")
    ready("tick")
    return ready
