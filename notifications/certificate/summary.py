"""A diffusion in one line: where it stands, and whether it is equitable.

What two seconds are enough for; `explanation` has the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notifications.certificate.causes import CAUSES
from notifications.decision import refused_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notifications.certificate.words import Speech

    Document = Mapping[str, Any]


#: Between the first served and the last, in microseconds: beyond, somebody had a lead, whatever the means.
TOGETHER = 1_000_000


class Summary:
    """Sums up one certificate.

    Args:
        document: The certificate's sections, sealed or not.
        speech: The language.
    """

    def __init__(self, document: Document, speech: Speech) -> None:
        self.document = document
        self.speech = speech
        self.say = speech.say
        self.outcome = document["outcome"]
        self.count: int = self.outcome["recipients"]
        self.accepted: int = self.outcome["accepted"]

    @property
    def standing(self) -> str:
        """Where it stands: `empty`, `complete`, `partial`, `nobody` (settled so), or `waiting`."""
        if not self.count:
            return "empty"
        if self.accepted == self.count:
            return "complete"
        if self.accepted:
            return "partial"
        settled = {"refused", "refused_rcpt", "aborted", "cancelled"}
        return "nobody" if set(self.outcome["states"]) <= settled else "waiting"

    @property
    def _called_off(self) -> bool:
        """Whether a person stopped it: each line was settled by that decision, and by nothing else."""
        lines = self.document["lines"]
        return all(x["state"] == "aborted" and x["by_person"] == x["settled"] for x in lines)

    @property
    def refused_at_the_end(self) -> bool:
        """Whether the relay took every recipient, and then refused what it was given for each."""
        lines = self.document["lines"]
        return all(x["state"] == "refused" and x["transmission"] is not None for x in lines)

    def refused_in(self, run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the refusals of one attempt, known before anybody had anything of it."""
        return [r for r in self.document["refusals"] if r["run"] == run["number"]]

    def taken_for_nobody(self, run: Mapping[str, Any]) -> str | None:
        """Return why the relay did not take a sending, whoever it was to; None when it was not so."""
        if run["staged"] is not None or self.unwritten(run):
            return None
        return refused_whole((r["kind"], self.answer(r)) for r in self.refused_in(run))

    def unwritten(self, run: Mapping[str, Any]) -> bool:
        """Tell whether an attempt had nothing to give to the relay: no message could be written."""
        refused = self.refused_in(run)
        return bool(refused) and all(r["cause"] == "unwritten" for r in refused)

    def answer(self, row: Mapping[str, Any]) -> str:
        """Return the relay's own words about a line, and what happened beside them or instead."""
        own = [] if row["cause"] is None else [self.speech.word(CAUSES, row["cause"])]
        return self.say("; ", "; ").join([*own, *([row["reply"]] if row["reply"] else [])]) or "—"

    def headline(self) -> str:
        """Return what is to be understood in two seconds."""
        lines: dict[str, Callable[[], str]] = {
            "empty": self._empty,
            "complete": self._complete,
            "partial": self.missing,
            "nobody": self._nobody,
            "waiting": self._waiting,
        }
        without = self.document["recipients"]["without_address"]
        return " ".join([lines[self.standing](), *self.confirmed(), *self.without_address(without)])

    def _empty(self) -> str:
        return self.say("Aucun destinataire : rien n'était à transmettre.",
                        "No recipient: there was nothing to send.")  # fmt: skip

    def _complete(self) -> str:
        said = self._said()
        shape, window = self.outcome["shape"], self.outcome["window_us"]
        first, last = self.document["times"]["first_dot"], self.document["times"]["last_reply"]
        if shape is None or first is None or last is None:
            return f"{said}."
        if shape == "one":
            return self.say("{said}, en une seule fois, le {at}.", "{said}, all at once, on {at}.",
                            said=said, at=self.speech.moment(first))  # fmt: skip
        if shape == "runs":
            return self.say("{said}, en plusieurs fois, du {at} au {end}.",
                            "{said}, in several times, from {at} to {end}.", said=said,
                            at=self.speech.moment(first), end=self.speech.moment(last))  # fmt: skip
        return self.say("{said}, en {window}, le {at}.", "{said}, within {window}, on {at}.",
                        said=said, window=self.speech.duration(window or 0),
                        at=self.speech.moment(first))  # fmt: skip

    def _said(self) -> str:
        return self.speech.count(
            self.accepted,
            ("{said} accepté par le relais de l'Institut", "{said} acceptés par le relais de l'Institut"),
            ("{said} accepted by the institute's relay", "{said} accepted by the institute's relay"),
            said=self.outcome["said"],
        )  # fmt: skip

    def missing(self) -> str:
        """Return how many are still to be accepted, of whom nobody knows, and that this is not « diffused »."""
        said = self.speech.count(
            self.count - self.accepted,
            ("{said} : il en manque {n}. Ce n'est pas « diffusé ».",
             "{said} : il en manque {n}. Ce n'est pas « diffusé »."),
            ("{said}: {n} is missing. This is not “diffused”.",
             "{said}: {n} are missing. This is not “diffused”."),
            said=self._said(),
        )  # fmt: skip
        return " ".join([said, *self._unknown()])

    def _uncertain(self) -> list[Mapping[str, Any]]:
        return [x for x in self.document["lines"] if x["state"] == "uncertain"]

    def _unknown(self) -> list[str]:
        """Return of how many nobody knows whether they have it, and why."""
        lines = self._uncertain()
        stopped = [x for x in lines if x["cause"] == "sender_stopped"]
        told = (
            (len(stopped),
             ("La libération a été interrompue : personne ne sait si {n} destinataire est servi.",
              "La libération a été interrompue : personne ne sait si {n} destinataires sont servis."),
             ("The release was interrupted: nobody knows whether {n} recipient is served.",
              "The release was interrupted: nobody knows whether {n} recipients are served.")),
            (len(lines) - len(stopped),
             ("Aucune réponse n'est venue à la fin du message : personne ne sait si {n} destinataire est servi.",
              "Aucune réponse n'est venue à la fin du message : personne ne sait si {n} destinataires sont servis."),
             ("No reply came to the end of the message: nobody knows whether {n} recipient is served.",
              "No reply came to the end of the message: nobody knows whether {n} recipients are served.")),
        )  # fmt: skip
        return [self.speech.count(n, fr, en) for n, fr, en in told if n]

    def _nobody(self) -> str:
        if "cancelled" in self.outcome["states"]:
            return self.say("0/{n} : retirée avant l'envoi; personne n'a rien, et rien n'en partira.",
                            "0/{n}: taken back before it was sent; nobody has anything, and none of it will leave.",
                            n=self.count)  # fmt: skip
        if self._called_off:
            return self.say("0/{n} : arrêtée par une personne avant l'envoi; personne n'a rien.",
                            "0/{n}: stopped by a person before it was sent; nobody has anything.",
                            n=self.count)  # fmt: skip
        runs = self.document["runs"]
        if runs and self.taken_for_nobody(runs[-1]) is not None:
            return self.say("0/{n} : le relais n'a pris l'envoi pour personne; personne n'a rien.",
                            "0/{n}: the relay took the sending for nobody; nobody has anything.",
                            n=self.count)  # fmt: skip
        if self.refused_at_the_end:
            return self.say("0/{n} : le relais a refusé le message une fois complet; personne n'a rien.",
                            "0/{n}: the relay refused the message once it was whole; nobody has anything.",
                            n=self.count)  # fmt: skip
        return self.say("0/{n} : rien n'est parti, pour personne.",
                        "0/{n}: nothing left, for anybody.", n=self.count)  # fmt: skip

    def _waiting(self) -> str:
        states = self.outcome["states"]
        if "uncertain" in states:
            stopped = any(x["cause"] == "sender_stopped" for x in self._uncertain())
            why = (
                ("la libération a été interrompue", "the release was interrupted")
                if stopped
                else ("la fin du message est partie, aucune réponse n'est venue",
                      "the end of the message left, no reply came")
            )  # fmt: skip
            return self.say("0/{n} : {why}; personne ne sait ce qu'il en est.",
                            "0/{n}: {why}; nobody knows.", n=self.count, why=self.say(*why))  # fmt: skip
        if "releasing" in states:
            return self.say("0/{n} : l'envoi part en ce moment; les réponses du relais ne sont pas encore connues.",
                            "0/{n}: it is leaving at this moment; the relay's replies are not known yet.",
                            n=self.count)  # fmt: skip
        times, runs = self.document["times"], self.document["runs"]
        if runs and runs[-1]["decision"] != "under_way":
            return self.say("0/{n} : rien n'est encore accepté; le dernier essai n'a rien donné, un autre suivra.",
                            "0/{n}: nothing is accepted yet; the last attempt gave nothing, another will follow.",
                            n=self.count)  # fmt: skip
        return self.say("0/{n} : rien n'est encore accepté; l'envoi est fixé au {at}.",
                        "0/{n}: nothing is accepted yet; it is set for {at}.",
                        n=self.count, at=self.speech.moment(times["set_for"]))  # fmt: skip

    @property
    def verdict(self) -> str:
        """`yes`, `partly`, `nobody` (all equally without it), or `waiting`."""
        if self.standing in {"nobody", "waiting", "empty"}:
            return "nobody" if self.standing == "nobody" else "waiting"
        window = self.outcome["window_us"]
        together = self.outcome["shape"] != "runs" and window is not None and window <= TOGETHER
        whole = self.outcome["complete"] and not self.confirmed()
        return "yes" if whole and together else "partly"

    def confirmed(self) -> list[str]:
        """Return how many have it by a person's word alone, the relay having said nothing."""
        count = self.outcome["states"].get("confirmed", 0)
        if not count:
            return []
        return [
            self.speech.count(
                count,
                ("De ceux-là, {n} l'est par la parole d'une personne : le relais n'a rien répondu.",
                 "De ceux-là, {n} le sont par la parole d'une personne : le relais n'a rien répondu."),
                ("Of these, {n} is by the word of a person: the relay replied nothing.",
                 "Of these, {n} are by the word of a person: the relay replied nothing."),
            )
        ]  # fmt: skip

    def without_address(self, count: int) -> list[str]:
        """Return the exception of those who could not even be written to."""
        if not count:
            return []
        return [
            self.speech.count(
                count,
                ("Exception : {n} membre actif n'avait pas d'adresse; il n'est pas compté.",
                 "Exception : {n} membres actifs n'avaient pas d'adresse; ils ne sont pas comptés."),
                ("Exception: {n} active member had no address and is not counted.",
                 "Exception: {n} active members had no address and are not counted."),
            )
        ]  # fmt: skip
