"""Why a diffusion is equitable, or not entirely, in plain words and with the figures.

Everything is said from the certificate's own facts, so that the page, the terminal and a checker say
the same. Nothing here says « received »: a relay's acceptance is all that anybody knows.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from engine.outbox import DONE
from notifications.certificate.causes import CAUSES
from notifications.certificate.summary import Summary
from notifications.certificate.words import REMEDIES, RULES, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notifications.certificate.words import Speech

    Document = Mapping[str, Any]
    Who = Callable[[int], str]


class Explanation(Summary):
    """Explains one certificate.

    Args:
        document: The certificate's sections, sealed or not.
        speech: The language.
        who: What a line is called: its number, or a name where names may be shown.
        people: Who took each of the certificate's decisions, where names may be shown.
    """

    def __init__(
        self,
        document: Document,
        speech: Speech,
        who: Who | None = None,
        people: Sequence[str] = (),
    ) -> None:
        super().__init__(document, speech)
        self.people = people
        self.who = who or (lambda line: speech.say("Ligne {n}", "Line {n}", n=line))

    def verdict_said(self) -> str:
        """Return the verdict in a sentence."""
        said = {
            "yes": ("Oui, cette diffusion est équitable.", "Yes, this diffusion is equitable."),
            "nearly": ("Oui, à {window} près.", "Yes, within {window}."),
            "partly": ("Pas entièrement : voici ce qui manque à l'équité.",
                       "Not entirely: here is what falls short."),
            "nobody": ("Personne n'a eu l'information : personne n'est favorisé, et tout reste à faire.",
                       "Nobody had the information: nobody is favoured, and all remains to be done."),
            "waiting": ("Il est trop tôt pour le dire.", "It is too early to tell."),
        }  # fmt: skip
        spread = self.verdict == "yes" and self.outcome["shape"] != "one"
        fr, en = said["nearly" if spread else self.verdict]
        return self.say(fr, en, **self._figures())

    def beforehand(self) -> list[str]:
        """Return what was decided before anything left."""
        rule, recipients = self.document["rule"], self.document["recipients"]
        lines = [
            self._rule_said(rule["rule"]),
            self.say("Cette règle est écrite dans le processus « {label} », version {v}, en vigueur ici depuis "
                     "le {at}.",
                     "This rule is written in the process “{label}”, version {v}, in force here since {at}.",
                     label=self.speech.label(self.document["case"]["label"]), v=rule["version"],
                     at=self.speech.moment(rule["installed"])),
            self._recipients_said(recipients),
            self.say("L'ordre des destinataires a été tiré au hasard : l'alphabet n'avantage personne.",
                     "The order of the recipients was drawn at random: the alphabet favours nobody."),
            self._content_said(),
        ]  # fmt: skip
        times = self.document["times"]
        if times["set_for"] != times["queued"]:
            lines.append(
                self.say("La décision est du {q}; l'envoi était fixé au {at}.",
                         "It was decided on {q}, and set for {at}.",
                         q=self.speech.moment(times["queued"]), at=self.speech.moment(times["set_for"]))
            )  # fmt: skip
        return lines

    def _rule_said(self, rule: str) -> str:
        said = {
            "all_or_nothing": (
                "La règle était fixée d'avance : « {rule} ». Un seul refus, et rien ne part.",
                "The rule was set beforehand: “{rule}”. One refusal, and nothing leaves.",
            ),
            "proceed_and_remedy": (
                (
                    "La règle était fixée d'avance : « {rule} ». Les autres sont servis ensemble; à chaque refus "
                    "son remède, aussitôt."
                ),
                (
                    "The rule was set beforehand: “{rule}”. The others are served together; each refusal has its "
                    "remedy at once."
                ),
            ),
        }
        return self.say(*said[rule], rule=self.speech.word(RULES, rule))

    def _recipients_said(self, recipients: Mapping[str, Any]) -> str:
        if recipients["newcomers"] is not None:
            said = self._with_newcomers(recipients)
        elif recipients["roster_version"] is None:
            said = self.speech.count(
                recipients["count"],
                ("Le destinataire vient du processus; personne ne l'a choisi.",
                 "Les {n} destinataires viennent du processus; personne ne les a choisis."),
                ("The recipient comes from the process; nobody chose it.",
                 "The {n} recipients come from the process; nobody chose them."),
            )  # fmt: skip
        else:
            said = self.speech.count(
                recipients["count"],
                (("Le destinataire est le membre actif du réseau ce jour-là (liste, version {v}); "
                 "personne ne l'a choisi."),
                 ("Les {n} destinataires sont les membres actifs du réseau ce jour-là (liste, version {v}); "
                 "personne ne les a choisis.")),
                (("The recipient is the active member of the network that day (list, version {v}); "
                 "nobody chose it."),
                 ("The {n} recipients are the active members of the network that day (list, version {v}); "
                 "nobody chose them.")),
                v=recipients["roster_version"],
            )  # fmt: skip
        return " ".join([said, *self.without_address(recipients["without_address"])])

    def _with_newcomers(self, recipients: Mapping[str, Any]) -> str:
        new = recipients["newcomers"]
        had = self.speech.count(
            recipients["count"] - new,
            ("{n} destinataire a eu, ou peut avoir eu, ce dont il est question.",
             "{n} destinataires ont eu, ou peuvent avoir eu, ce dont il est question."),
            ("{n} recipient had, or may have had, what it is about.",
             "{n} recipients had, or may have had, what it is about."),
        )  # fmt: skip
        none = self.say("Aucun membre actif du réseau ce jour-là (liste, version {v}) n'était nouveau.",
                        "No active member of the network that day (list, version {v}) was new.",
                        v=recipients["roster_version"])  # fmt: skip
        others = self.speech.count(
            new,
            (("{n} est nouveau : membre actif du réseau ce jour-là (liste, version {v}), il ne l'avait pas eu, ou "
              "ce n'était pas certain."),
             ("{n} sont nouveaux : membres actifs du réseau ce jour-là (liste, version {v}), ils ne l'avaient pas "
              "eu, ou ce n'était pas certain.")),
            (("{n} is new: an active member of the network that day (list, version {v}), it had not had it, or "
              "that was not certain."),
             ("{n} are new: active members of the network that day (list, version {v}), they had not had it, or "
              "that was not certain.")),
            v=recipients["roster_version"],
        )  # fmt: skip
        chosen = self.say("Tous viennent du processus; personne n'en a choisi un seul.",
                          "All come from the process; nobody chose any of them.")  # fmt: skip
        return " ".join([had, others if new else none, chosen])

    def _content_said(self) -> str:
        recipients = self.document["recipients"]
        if 0 < (recipients["newcomers"] or 0) < recipients["count"]:
            return self._two_contents_said()
        if self.document["content"]["personal"]:
            return self.say("Chaque destinataire a un message à son nom; l'empreinte de chacun est dans sa ligne.",
                            "Each recipient has a message of its own; its fingerprint is in its line.")  # fmt: skip
        if not self.document["content"]["contents"]:
            return self.say("Le contenu sera arrêté avant l'envoi, et le même pour tous ceux qui le lisent dans les "
                            "mêmes langues.",
                            "The content will be settled before it leaves, and the same for all who read it in the "
                            "same languages.")  # fmt: skip
        if len(self.document["content"]["contents"]) > 1:
            return self.say("Le contenu était arrêté avant l'envoi, et le même pour tous ceux qui le lisent dans les "
                            "mêmes langues : leurs exemplaires ont la même empreinte. Il y a {n} versions "
                            "linguistiques, et un envoi au moins pour chacune.",
                            "The content was settled before it left, and the same for all who read it in the same "
                            "languages: their copies have the same fingerprint. There are {n} language versions, "
                            "and one transmission at least for each.",
                            n=len(self.document["content"]["contents"]))  # fmt: skip
        return self.say("Le contenu était arrêté avant l'envoi, et le même pour tous : chaque exemplaire a la "
                        "même empreinte.",
                        "The content was settled before it left, and the same for all: each copy has the same "
                        "fingerprint.")  # fmt: skip

    def _two_contents_said(self) -> str:
        return self.say("L'envoi a deux contenus, arrêtés avant qu'il parte : l'un pour ceux qui ont eu l'envoi "
                        "d'origine, l'autre pour les nouveaux. Chacun est le même pour tous ceux qui le lisent dans "
                        "les mêmes langues.",
                        "The batch has two contents, settled before it leaves: one for those who had the original "
                        "batch, the other for the new ones. Each is the same for all who read it in the same "
                        "languages.")  # fmt: skip

    def happened(self) -> list[str]:
        """Return what happened, one sentence for each attempt and each refusal."""
        runs = self.document["runs"]
        if not runs:
            nothing = self.say("Aucun envoi n'a encore été essayé.", "Nothing has been tried yet.")
            return [self.headline() if self.standing == "nobody" else nothing, *self.decisions()]
        tried = [self._run_said(run, len(runs)) for run in runs]
        return [*tried, *self.decisions(), *self.refusals()]

    def decisions(self) -> list[str]:
        """Return what people decided for everybody, when, and why."""
        taken = self.document["decisions"]
        nobody = self.say("une personne", "a person")
        names = self.people or [nobody] * len(taken)
        return [self._decision_said(d, by) for d, by in zip(taken, names, strict=True)]

    def _decision_said(self, decision: Mapping[str, Any], by: str) -> str:
        said = {
            "abort": ("Le {at}, {by} a arrêté l'envoi, avant que quiconque ait quoi que ce soit.",
                      "On {at}, {by} called it off, before anybody had anything."),
            "depart": ("Le {at}, {by} a décidé de s'écarter de la règle : « {rule} ».",
                       "On {at}, {by} decided to depart from the rule: “{rule}”."),
            "accept": ("Le {at}, {by} a accepté que la diffusion reste incomplète.",
                       "On {at}, {by} accepted that the diffusion stays incomplete."),
        }[decision["action"]]  # fmt: skip
        rule = self.speech.word(RULES, decision["rule"] or "")
        told = self.say(*said, at=self.speech.moment(decision["at"]), by=by, rule=rule)
        why = self.say("Motif : « {why} ».", "Reason: “{why}”.", why=decision["reason"])
        return f"{told} {why}"

    def _run_said(self, run: Mapping[str, Any], many: int) -> str:
        lead = self.say("Essai {n} : ", "Attempt {n}: ", n=run["number"]) if many > 1 else ""
        decisions = {
            "released": ("Décision : envoyer.", "Decision: send."),
            "aborted": ("Décision : rien ne part, pour personne.", "Decision: nothing leaves, for anybody."),
            "put_off": ("Décision : rien ne part maintenant; nouvel essai plus tard.",
                        "Decision: nothing leaves now; another attempt later."),
            "under_way": ("L'essai est en cours; rien n'est encore décidé.",
                          "It is under way; nothing is decided yet."),
            None: ("L'essai a été interrompu avant la décision.", "It was interrupted before the decision."),
        }  # fmt: skip
        said = " ".join([
            *self._held_said(run), self.say(*decisions[run["decision"]]), *self._by_person(run),
            *self._leaving_said(run), *self._ends_said(run),
        ])  # fmt: skip
        return lead + said if lead else said[:1].upper() + said[1:]

    def _held_said(self, run: Mapping[str, Any]) -> list[str]:
        """Return what the relay held when it was decided, or why it held nothing."""
        if run["fault"] is not None:
            return [self.say("le relais n'a pas pu être joint ({why}).",
                             "the relay could not be reached ({why}).",
                             why=self.speech.word(CAUSES, run["fault"]))]  # fmt: skip
        if run["staged"] is None:
            return self._nobody_taken(run)
        return [
            self.speech.count(
                run["refused"] + run["deferred"],
                ("le relais avait tout en main sauf la fin du message; {n} refus.",
                 "le relais avait tout en main sauf la fin du message; {n} refus."),
                ("the relay held everything but the end of the message; {n} refusal.",
                 "the relay held everything but the end of the message; {n} refusals."),
            )
        ]  # fmt: skip

    def _ends_said(self, run: Mapping[str, Any]) -> list[str]:
        """Return which ends were not accepted, and what the relay said to them."""
        lost = Counter(
            (self.speech.word(STATES, t["state"]), self.answer(t))
            for t in run["transmissions"] if t["state"] not in {"accepted", "staged"}
        )  # fmt: skip
        return [
            self.speech.count(
                n,
                ("{n} envoi sans acceptation : {state} ({why}).",
                 "{n} envois sans acceptation : {state} ({why})."),
                ("{n} transmission without acceptance: {state} ({why}).",
                 "{n} transmissions without acceptance: {state} ({why})."),
                state=state, why=why,
            )
            for (state, why), n in lost.items()
        ]  # fmt: skip

    def _leaving_said(self, run: Mapping[str, Any]) -> list[str]:
        """Return how many ends are being written, or have no reply yet."""
        count = sum(t["state"] == "staged" for t in run["transmissions"])
        if not count:
            return []
        return [
            self.speech.count(
                count,
                ("{n} envoi part en ce moment : la réponse du relais n'est pas encore connue.",
                 "{n} envois partent en ce moment : les réponses du relais ne sont pas encore connues."),
                ("{n} transmission is leaving at this moment: the relay's reply is not known yet.",
                 "{n} transmissions are leaving at this moment: the relay's replies are not known yet."),
            )
        ]  # fmt: skip

    def _nobody_taken(self, run: Mapping[str, Any]) -> list[str]:
        """Return whether the relay refused the recipients, or the sending itself; nothing if neither."""
        told = self.refused_in(run)
        if not told:
            return []
        if self.unwritten(run):
            return [self.say("aucun message n'a pu être rédigé; le relais n'a rien eu à prendre.",
                             "no message could be written; there was nothing for the relay to take.")]  # fmt: skip
        whole = self.taken_for_nobody(run)
        if whole is not None:
            return [self.say("le relais n'a pris l'envoi pour personne ({why}).",
                             "the relay took it for nobody ({why}).", why=whole)]  # fmt: skip
        return [
            self.speech.count(
                len(told),
                ("le relais a refusé le destinataire.", "le relais a refusé les {n} destinataires."),
                ("the relay refused the recipient.", "the relay refused all {n} recipients."),
            )
        ]  # fmt: skip

    def _by_person(self, run: Mapping[str, Any]) -> list[str]:
        """Return what a person decided instead of the predetermined rule."""
        said = []
        if run["rule"] != self.document["rule"]["rule"]:
            rule = self.speech.word(RULES, run["rule"])
            said.append(self.say("Cet essai a suivi une autre règle : « {rule} ».",
                                 "This attempt followed another rule: “{rule}”.", rule=rule))  # fmt: skip
        if run["decided_by"] == "person":
            said.append(self.say("Une personne en a décidé.", "A person decided so."))
        return said

    def refusals(self) -> list[str]:
        """Return the refusals, each with those whom it befell and what became of them."""
        befell: dict[tuple[str, str, str], dict[str, None]] = {}
        for r in self._of_somebody():
            kind, remedy = (
                self.speech.word(STATES, r["kind"]),
                self.speech.word(REMEDIES, r["remedy"]),
            )
            befell.setdefault((kind, self.answer(r), remedy), {})[self.who(r["line"])] = None
        return [
            self.say("{who} : {kind} ({reply}); {remedy}.", "{who}: {kind} ({reply}); {remedy}.",
                     who=", ".join(who), kind=kind, reply=reply, remedy=remedy)
            for (kind, reply, remedy), who in befell.items()
        ]  # fmt: skip

    def _of_somebody(self) -> list[Mapping[str, Any]]:
        """Return the refusals of recipients: a sending that was taken for nobody is told once, by its run."""
        runs = self.document["runs"]
        whole = {r["number"] for r in runs if self.taken_for_nobody(r) is not None}
        return [r for r in self.document["refusals"] if r["run"] not in whole]

    def equitable(self) -> list[str]:
        """Return the reasons of the verdict, with the figures."""
        said = (self._shape_said(), self._contents_left(), *self._shortfalls())
        return [line for line in said if line]

    def _contents_left(self) -> str:
        """Return whether the newcomers' content left with the other; nothing where there were not two."""
        served = [line for line in self.document["lines"] if line["state"] in DONE]
        new = {self._release_of(line) for line in served if line["newcomer"]}
        had = {self._release_of(line) for line in served if not line["newcomer"]}
        if not new or not had:
            return ""
        if new == had and len(new) == 1 and None not in new:
            return self.say("Les deux contenus sont partis dans la même libération : la fin de chaque envoi a été "
                            "donnée avant qu'une réponse soit attendue.",
                            "Both contents left in the same release: the end of each transmission was given before "
                            "any reply was awaited.")  # fmt: skip
        return self.say("Les deux contenus ne sont pas partis, pour tous, dans la même libération.",
                        "The two contents did not leave, for all, in the same release.")  # fmt: skip

    def _release_of(self, line: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return the run and the wave that a line's transmission left in."""
        return next(
            (
                (run["number"], sent["wave"])
                for run in self.document["runs"]
                for sent in run["transmissions"]
                if sent["number"] == line["transmission"]
            ),
            None,
        )

    def _shape_said(self) -> str:
        said = {
            "one": self._one_said,
            "groups": self._groups_said,
            "each": self._each_said,
            "waves": self._waves_said,
            "runs": self._runs_said,
        }.get(self.outcome["shape"])
        return "" if said is None else said()

    def _one_said(self) -> str:
        used = {line["transmission"] for line in self.document["lines"] if line["state"] in DONE}
        runs = [[t["number"] for t in r["transmissions"]] for r in self.document["runs"]]
        many = next((len(numbers) for numbers in runs if used & {*numbers}), 1)
        if many > 1:
            return self.speech.count(
                self.accepted,
                ("Des {m} envois, un seul a été accepté; il portait {n} destinataire.",
                 ("Des {m} envois, un seul a été accepté; il portait {n} destinataires, servis ensemble. "
                  "Ce qu'il en est des autres est dit plus haut.")),
                ("Of the {m} transmissions, one was accepted; it carried {n} recipient.",
                 ("Of the {m} transmissions, one was accepted; it carried {n} recipients, served together. "
                  "What became of the others is told above.")),
                m=many,
            )  # fmt: skip
        lasted = self._last_window()
        return self.speech.count(
            self.accepted,
            ("Un seul envoi : un seul point final, une seule réponse du relais{lasted}.",
             ("Un seul envoi pour les {n} : un seul point final, une seule réponse du relais{lasted}. Entre le "
             "premier servi et le dernier : 0 ms.")),
            ("One transmission: one final dot, one reply of the relay{lasted}.",
             ("One transmission for all {n}: one final dot, one reply of the relay{lasted}. Between the first "
             "served and the last: 0 ms.")),
            lasted=lasted,
        )  # fmt: skip

    def _last_window(self) -> str:
        """Return how long the one reply took."""
        used = {line["transmission"] for line in self.document["lines"]}
        for run in self.document["runs"]:
            if run["window_us"] is not None and used & {t["number"] for t in run["transmissions"]}:
                return self.say(
                    ", {d} après", ", {d} later", d=self.speech.duration(run["window_us"])
                )
        return ""

    def _groups_said(self) -> str:
        return self.say("{n} envois groupés, préparés d'avance et retenus, puis libérés ensemble : {window} "
                        "entre le premier point final et la dernière acceptation.",
                        "{n} grouped transmissions, prepared and held, then released together: {window} "
                        "between the first final dot and the last acceptance.", **self._figures())  # fmt: skip

    def _each_said(self) -> str:
        return self.say("Un envoi par destinataire ({n}), tous préparés d'avance et retenus, puis libérés "
                        "ensemble : {window} entre le premier point final et la dernière acceptation.",
                        "One transmission a recipient ({n}), all prepared and held, then released together: "
                        "{window} between the first final dot and the last acceptance.", **self._figures())  # fmt: skip

    def _waves_said(self) -> str:
        waves = max((r["waves"] for r in self.document["runs"]), default=0)
        return self.say("Le relais ne pouvait pas tout retenir à la fois : {n} envois, en {waves} vagues, sur "
                        "{window}. Les premiers servis ont eu cette avance.",
                        "The relay could not hold everything at once: {n} transmissions, in {waves} waves, "
                        "over {window}. The first served had that lead.", waves=waves, **self._figures())  # fmt: skip

    def _runs_said(self) -> str:
        return self.say("Tous n'ont pas été servis au même essai : {window} entre le premier point final et la "
                        "dernière acceptation.",
                        "Not all were served in the same attempt: {window} between the first final dot and "
                        "the last acceptance.", **self._figures())  # fmt: skip

    def _figures(self) -> dict[str, object]:
        used = {line["transmission"] for line in self.document["lines"]} - {None}
        window = self.outcome["window_us"]
        unknown = self.say("durée inconnue", "unknown time")
        return {
            "n": len(used),
            "window": unknown if window is None else self.speech.duration(window),
        }

    def _shortfalls(self) -> list[str]:
        recipients = self.document["recipients"]
        lines = []
        lines.append(self._refusals_said())
        if self.standing == "partial":
            lines.append(self.missing())
        return [*lines, *self.confirmed(), *self.without_address(recipients["without_address"])]

    def _refusals_said(self) -> str:
        """Return how many were refused, and when it was known; nothing when nobody was."""
        rows = self._of_somebody()
        first = min((r["number"] for r in self.document["runs"] if r["first_dot"]), default=None)
        before = {r["line"] for r in rows if r["run"] is not None}
        early = {
            r["line"] for r in rows if r["run"] is not None and (first is None or r["run"] <= first)
        }
        after = [r["remedy"] for r in rows if r["run"] is None]
        said = (
            (len(early),
             ("{n} refus, connu avant que quiconque ait quoi que ce soit.",
              "{n} refus, connus avant que quiconque ait quoi que ce soit."),
             ("{n} refusal, known before anybody had anything.",
              "{n} refusals, known before anybody had anything.")),
            (len(before - early),
             ("{n} refus à un essai suivant.", "{n} refus aux essais suivants."),
             ("{n} refusal in a later attempt.", "{n} refusals in later attempts.")),
            (after.count("accepted") + after.count("waiting"),
             ("{n} message accepté est revenu; le remède est dit plus haut.",
              "{n} messages acceptés sont revenus; le remède est dit plus haut."),
             ("{n} accepted message came back; what became of it is told above.",
              "{n} accepted messages came back; what became of them is told above.")),
            (after.count("left"),
             ("{n} ligne reste ainsi : une personne l'accepte.",
              "{n} lignes restent ainsi : une personne l'accepte."),
             ("{n} line stays so: a person accepts it.",
              "{n} lines stay so: a person accepts it.")),
            (after.count("person"),
             ("{n} ligne demande une personne.", "{n} lignes demandent une personne."),
             ("{n} line needs a person.", "{n} lines need a person.")),
        )  # fmt: skip
        return " ".join(self.speech.count(n, fr, en) for n, fr, en in said if n)

    def accepted_means(self) -> list[str]:
        """Return what « accepted » says, and does not say."""
        return [
            self.say("« Accepté » : le relais de courrier de l'Institut a pris le message en charge, à "
                     "l'instant dit. C'est sa parole, gardée mot pour mot.",
                     "“Accepted”: the institute's mail relay took charge of the message, at the instant said. "
                     "These are its own words, kept as they came."),
            self.say("Cela ne dit pas que le message est arrivé dans la boîte de quelqu'un, ni qu'on l'a lu : "
                     "d'autres serveurs l'y portent, et personne ici ne les voit.",
                     "It does not say that the message is in anybody's mailbox, nor that it was read: other "
                     "servers carry it there, and nobody here sees them."),
        ]  # fmt: skip

    def sections(self) -> Sequence[tuple[str, list[str]]]:
        """Return the headings with their sentences, in the order of reading."""
        return (
            (self.say("Ce qui était décidé d'avance", "What was decided beforehand"), self.beforehand()),
            (self.say("Ce qui s'est passé", "What happened"), self.happened()),
            (self.say("Est-ce équitable?", "Is it equitable?"),
             [self.verdict_said(), *self.equitable()]),
            (self.say("Ce que veut dire « accepté »", "What “accepted” means"), self.accepted_means()),
        )  # fmt: skip
