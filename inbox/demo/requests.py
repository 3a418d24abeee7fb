"""The first story: requests from abroad, from the registration to a certified diffusion."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from inbox.demo.story import free_port

if TYPE_CHECKING:
    from inbox.demo.story import Demo


def tell(demo: Demo) -> None:
    """Tell the story in a new workspace."""
    _set_up(demo)
    with demo.mail_server():
        _requests(demo)
        _diffusion(demo)
        _follow_up(demo)


def _set_up(demo: Demo) -> None:
    demo.step("1/7  Un espace de travail de répétition, le personnel et le réseau")
    roster = str(files("inbox") / "demo" / "partenaires.csv")
    demo.inbox("init", "--rehearsal", "--mail-port", str(free_port()), "--login", "direction",
               "--name", "Direction (rôle fictif)", "--email", "direction@example.org")  # fmt: skip
    demo.people()
    demo.inbox("partners", "import", roster)


def _requests(demo: Demo) -> None:
    demo.step("2/7  Quatre demandes arrivent de l'étranger")
    demo.inbox("register", "--as", "conseillere", "--organisation", "Office minier de l'Atlas",
               "--subject", "Formation de techniciens en géologie", "--country", "Maroc",
               "--received", "2026-11-16", "--channel", "courriel",
               "--contact", "A. Berrada <formation@atlas.example.org>")  # fmt: skip
    demo.inbox("register", "--as", "conseillere", "--organisation", "École des mines de la Lagune",
               "--subject", "Programme conjoint en minéralurgie", "--country", "Cote d'Ivoire",
               "--received", "2026-11-12", "--contact", "contact@lagune.example.org")  # fmt: skip
    demo.inbox("register", "--as", "conseiller", "--organisation", "Gold Coast Training Board",
               "--subject", "Achat de foreuses", "--country", "Ghana", quiet=True)  # fmt: skip
    demo.inbox("register", "--as", "conseiller", "--organisation", "Instituto Minero del Sur",
               "--subject", "Stages en santé et sécurité", "--country", "Chili", quiet=True)  # fmt: skip
    demo.inbox("--as", "conseillere")
    _out_of_scope(demo)
    _with_meeting(demo)
    _without_meeting(demo)


def _out_of_scope(demo: Demo) -> None:
    demo.step("3/7  Le Ghana est hors mandat; le Maroc demande une rencontre; la Côte d'Ivoire, non")
    demo.inbox("take", "3", "--as", "conseiller", quiet=True)
    demo.inbox("do", "3", "classer_hors_mandat", "--as", "conseiller",
               "--set", "motif_fermeture=Achat d'équipement : pas une question de formation", "--yes")  # fmt: skip
    demo.inbox("take", "1", "--as", "conseillere", quiet=True)
    demo.inbox("assign", "2", "--to", "conseillere", "--as", "conseiller", quiet=True)


def _with_meeting(demo: Demo) -> None:
    demo.at("2026-11-17T09:30")
    demo.inbox("do", "1", "rechercher", "--as", "conseillere", "--set", "source=Rapport annuel 2025",
               "--set", "constat=Trois centres de formation, 400 stagiaires par année", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "orienter", "--as", "conseillere", "--set", "orientation=rencontre",
               "--set", "orientation_motif=Besoins à préciser de vive voix")  # fmt: skip
    demo.inbox("do", "1", "planifier_rencontre", "--as", "conseillere", "--set", "le=2026-11-19T10:00",
               "--set", "mode=visio", "--set", "pour_organisation=A. Berrada",
               "--set", "pour_institut=Conseillère A")  # fmt: skip
    demo.inbox("do", "1", "terminer_rencontres", "--as", "conseillere", expect=1)
    demo.inbox("tick")
    demo.at("2026-11-19T11:15")
    demo.inbox("do", "RE-2026-0001", "tenir", "--as", "conseillere",
               "--set", "compte_rendu=Accord sur les besoins; calendrier à l'automne 2027", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "terminer_rencontres", "--as", "conseillere", quiet=True)
    demo.inbox("do", "1", "preciser", "--as", "conseillere",
               "--set", "besoins=Former 60 techniciens en cartographie géologique",
               "--set", "attentes=Un programme adapté et la formation de formateurs",
               "--set", "entente=Entente de services",
               "--set", "ressources.non_obtenu=Budget voté au printemps",
               "--set", "echeancier=Début à l'automne 2027")  # fmt: skip
    demo.inbox("do", "1", "conclure_precision", "--as", "conseillere", quiet=True)
    demo.inbox("do", "1", "evaluer_horizon", "--as", "conseillere", "--set", "horizon_mois=10", quiet=True)
    demo.inbox("do", "1", "categoriser", "--as", "conseillere", "--set", "categorie=court_terme",
               "--set", "categorie_motif=Début prévu dans moins d'un an",
               "--set", "ordres=fp,collegial", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "preparer_fiche", "--as", "conseillere",
               "--set", "fiche_titre=Formation de techniciens en géologie au Maroc",
               "--set", "fiche_besoins=Former 60 techniciens en cartographie géologique, et des formateurs.",
               "--set", "fiche_entente=Entente de services",
               "--set", "fiche_echeancier=Début à l'automne 2027")  # fmt: skip


def _without_meeting(demo: Demo) -> None:
    demo.inbox("do", "2", "rechercher", "--as", "conseillere", "--set", "source=Site de l'école",
               "--set", "rien_trouve=oui", quiet=True)  # fmt: skip
    demo.inbox("do", "2", "orienter", "--as", "conseillere", "--set", "orientation=ecrite",
               "--set", "orientation_motif=Un échange de courriels suffit", quiet=True)  # fmt: skip
    demo.inbox("do", "2", "attendre_demandeur", "--as", "conseillere",
               "--set", "attendu_du_demandeur=Le plan de cours actuel")  # fmt: skip


def _diffusion(demo: Demo) -> None:
    demo.step("4/7  Une occasion pour les 29 établissements, en même temps")
    demo.at("2026-11-20T10:00")
    demo.inbox("do", "1", "diffuser", "--as", "conseillere", "--yes")
    demo.inbox("tick")
    demo.step("5/7  Où elle en est, pourquoi elle est équitable, et l'attestation que chacun peut vérifier")
    demo.inbox("diffusion", "status", "1")
    demo.inbox("diffusion", "explain", "1")
    certificate = str(demo.home / "attestation.html")
    demo.inbox("diffusion", "certificate", "1", certificate)
    demo.inbox("diffusion", "verify", certificate)
    demo.message("*international@*.eml", 14)


def _follow_up(demo: Demo) -> None:
    demo.step("6/7  Le suivi, et l'inbox du jour")
    demo.at("2026-11-24T14:00")
    demo.inbox("diffusion", "interest", "1", "Abitibi-Témiscamingue", "--as", "conseillere", expect=1)
    demo.inbox("diffusion", "interest", "1", "Cégep de l'Abitibi-Témiscamingue", "--as", "conseillere",
               "--on", "2026-11-24T09:15", "--person", "A. Tremblay")  # fmt: skip
    demo.inbox("diffusion", "interest", "1", "Université Laval", "--as", "conseillere",
               "--answer", "pas_interesse", quiet=True)  # fmt: skip
    demo.inbox("tick")
    demo.inbox("--as", "conseillere")
    # Three business days before the deadline: to the 27 that have not answered, and to nobody else.
    demo.at("2026-12-01T10:05")
    demo.inbox("tick")
    demo.inbox("diffusion", "interest", "1")
    demo.inbox("list", "--all")
    demo.inbox("verify")
