"""The second story, eight months of 2012-2013: what the strategic plan promised for 31 March 2013."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.demo.story import free_port

if TYPE_CHECKING:
    from inbox.demo.story import Demo

#: The indicators of the story: one counts events, the other is due on Easter Sunday.
COUNTED, DATED = "E3-A1-O1-I1", "E1-A2-O3-I1"


def tell(demo: Demo) -> None:
    """Tell the story in a new workspace."""
    demo.step("7/7  Le plan stratégique : un an de promesses, dans un autre espace de travail")
    demo.at("2012-11-20T10:00")
    demo.inbox("init", "--rehearsal", "--mail-port", str(free_port()), "--login", "direction",
               "--name", "Direction (rôle fictif)", "--email", "direction@example.org", quiet=True)  # fmt: skip
    demo.people()
    for indicator in (COUNTED, DATED):
        demo.inbox("plan", "assign", indicator, "--to", "conseillere", quiet=True)
    demo.inbox("plan", "log", COUNTED, "Entente avec un cégep", "--date", "2012-06-14", "--kind", "entente")
    demo.inbox("plan", "--year", "2012-2013")
    with demo.mail_server():
        _year(demo)
    _report(demo)


def _year(demo: Demo) -> None:
    demo.inbox("tick", quiet=True)
    demo.at("2013-03-28T09:00")
    demo.inbox("why", f"{DATED}/2012-2013")
    demo.inbox("tick")
    demo.message("*conseillere@*.eml", 20)
    demo.inbox("plan", "log", COUNTED, "Salon de l'emploi minier", "--as", "conseillere")
    demo.inbox("do", f"{DATED}/2012-2013", "saisir", "--as", "conseillere", "--set", "atteinte=atteinte",
               "--set", "atteint_le=2013-03-22", "--set", "resultat=Portrait de 41 entreprises, remis au conseil",
               "--set", "preuve=Rapport du 22 mars 2013")  # fmt: skip
    demo.at("2013-04-09T10:00")
    demo.inbox("do", f"{DATED}/2012-2013", "valider", quiet=True)
    demo.inbox("do", f"{DATED}/2012-2013", "adopter", "--set", "resolution=INM-12-13-060",
               "--set", "adopte_le=2013-04-09")  # fmt: skip
    demo.inbox("do", f"{DATED}/2012-2013", "corriger", "--note", "une coquille", "--set", "resultat=x", expect=1)


def _report(demo: Demo) -> None:
    demo.inbox("plan", "show", DATED)
    for name in ("rapport.docx", "rapport.html", "tableau.svg"):
        demo.inbox("report", "2012-2013", str(demo.home / name))
