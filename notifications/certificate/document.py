"""What a certificate says of a diffusion, before it is sealed: plain JSON, the same for the same facts.

Nothing in it names a recipient: lines are numbered in the order that was drawn, replies are masked. A
person who calls it off, departs from the rule or accepts that it stays incomplete owes a public reason,
which is told without its author; reasons about one recipient's mail stay in the workspace. Only `about` depends on the moment of issue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from engine.chain import GENESIS, canonical, content_hash
from engine.lease import NEW
from engine.outbox import DONE, NEEDS_PERSON, is_left
from notifications.certificate.causes import cause, relayed
from notifications.certificate.commitment import commitment, hidden_content
from notifications.certificate.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.diffusion import Account, Copy, Decided, Run, Transmission
    from engine.returns import Returned

#: What a person decides for everybody, and answers for in public.
PUBLIC = ("abort", "depart", "accept")
FORMAT = "arrimage-certificate-1"
#: The members of a certificate that say something, in the order of reading.
SECTIONS = ("format", "about", "case", "rule", "content", "recipients", "times", "runs", "decisions",
            "outcome", "refusals", "lines")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a certificate says beside the account of the diffusion.

    Attributes:
        institute: Who issues it.
        zone: The zone of the local times, such as `America/Toronto`.
        definition_sha256: Of the definition, as it is installed.
        installed_at: Since when (UTC).
        adopted: The definition's `adopted`: `on`, `reference`.
        label: The process, by language.
        message_label: The message, by language.
        issue: 1, 2… of this diffusion.
        made_at: UTC.
        previous: The SHA-256 of the issue before, None for the first.
        register: The register then: `head`, `cases`, `events`, `faults`.
    """

    institute: str
    zone: str
    definition_sha256: str
    installed_at: datetime
    adopted: Mapping[str, Any]
    label: Mapping[str, str]
    message_label: Mapping[str, str]
    issue: int
    made_at: datetime
    previous: str | None
    register: Mapping[str, Any]


def document(account: Account, context: Context) -> dict[str, Any]:
    """Return what is certified of a diffusion: every section of `SECTIONS`, not sealed yet.

    Args:
        account: All that is known of the diffusion.
        context: Who issues it, when, and under which rules.
    """
    return _Document(account, context).sections()


def same_facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two certificates say the same of the diffusion, whenever they were issued."""
    said = [{k: d.get(k) for k in SECTIONS if k != "about"} for d in (one, other)]
    return canonical(said[0]) == canonical(said[1])


def utc(at: datetime | None) -> str | None:
    """Return an instant as `2026-11-16T15:00:00.000000Z`."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


class _Document:
    """Puts an account into sections."""

    def __init__(self, account: Account, context: Context) -> None:
        self.account = account
        self.context = context
        self.zone = ZoneInfo(context.zone)
        self.copies = sorted(account.copies, key=lambda c: (c.position, c.delivery))
        self.line_of = {copy.recipient: n for n, copy in enumerate(self.copies, 1)}
        self.mask = Mask(self.copies)
        sent = [t for run in account.runs for t in run.transmissions]
        self.number_of = {t.id: n for n, t in enumerate(sent, 1)}
        self.asked = Counter(k for run in account.runs for k in run.reason.get("asked", ()))
        self.sent = {t.id: t for t in sent}

    def sections(self) -> dict[str, Any]:
        """Return every section."""
        made: dict[str, Any] = {
            "format": FORMAT,
            "about": self._about(),
            "case": self._case(),
            "rule": self._rule(),
            "content": self._content(),
            "recipients": self._recipients(),
            "times": self._times(),
            "runs": [self._run(run) for run in self.account.runs],
            "decisions": [self._decision(d) for d in self.account.decisions if d.action in PUBLIC],
            "outcome": self._outcome(),
            "refusals": self._refusals(),
            "lines": chained(self._line(n, copy) for n, copy in enumerate(self.copies, 1)),
        }
        return made

    # --- what was decided beforehand --------------------------------------------------------------

    def _about(self) -> dict[str, Any]:
        return {
            "issue": self.context.issue,
            "made": self._both(self.context.made_at),
            "previous": self.context.previous,
            "institute": self.context.institute,
            "zone": self.context.zone,
            "register": dict(self.context.register),
        }

    def _case(self) -> dict[str, Any]:
        # Not the case's title: it names the organisation that asks, which the sheet may hide.
        return {
            "number": self.account.case,
            "label": _words(self.context.label),
            "message": self.account.message,
            "message_label": _words(self.context.message_label),
        }

    def _rule(self) -> dict[str, Any]:
        return {
            "rule": self.account.rule,
            "process": self.account.process,
            "version": self.account.definition_version,
            "sha256": self.context.definition_sha256,
            "installed": self._both(self.context.installed_at),
            "adopted": str(self.context.adopted["on"]),
            "reference": str(self.context.adopted["reference"]),
        }

    def _content(self) -> dict[str, Any]:
        shared = {k: v for k, v in self.account.contents.items() if "@" not in k}
        return {
            "personal": self.account.personal,
            "contents": [
                {
                    "languages": variant.removesuffix(NEW).split("+"),
                    "newcomers": variant.endswith(NEW),
                    "sha256": sha256,
                }
                for variant, sha256 in sorted(shared.items())
            ],
        }

    def _recipients(self) -> dict[str, Any]:
        audience = self.account.audience
        return {
            "count": len(self.copies),
            "newcomers": sum(c.newcomer for c in self.copies) if self.account.newcomers else None,
            "order": "random",
            "roster_version": self.account.roster_version,
            "roster_sha256": audience.get("sha256"),
            "active": audience.get("active"),
            "without_address": len(audience.get("without_address", ())),
        }

    # --- what happened ----------------------------------------------------------------------------

    def _times(self) -> dict[str, Any]:
        first, last = self._releases()
        tried = first or (self.account.runs[-1] if self.account.runs else None)
        return {
            "queued": self._both(self.account.queued_at),
            "set_for": self._both(self.account.not_before),
            "staged": self._both(_held_at(tried) if tried else None),
            "first_dot": self._both(tried.first_dot_at if tried else None),
            "last_reply": self._both(last.last_reply_at if last else None),
        }

    def _releases(self) -> tuple[Run | None, Run | None]:
        """Return the first and the last run that somebody's acceptance came from."""
        used = {c.transmission for c in self.copies if c.state in DONE}
        runs = [r for r in self.account.runs if used & {t.id for t in r.transmissions}]
        return (runs[0], runs[-1]) if runs else (None, None)

    def _run(self, run: Run) -> dict[str, Any]:
        refused, deferred = (run.reason.get(k, {}) for k in ("refused", "deferred"))
        return {
            "number": run.number,
            "rule": run.rule,
            "server": dict(run.server),
            "shape": run.shape,
            "waves": len({t.wave for t in run.transmissions}),
            "began": utc(run.began_at),
            "asked": len(run.reason["asked"]) if "asked" in run.reason else None,
            "fault": cause(run.reason.get("fault")),
            "staged": utc(_held_at(run)),
            "decided": utc(run.decided_at),
            "decision": self._decided(run),
            "decided_by": _decider(run),
            "refused": len(refused),
            "deferred": len(deferred),
            "first_dot": utc(run.first_dot_at),
            "last_reply": utc(run.last_reply_at),
            "window_us": run.window,
            "transmissions": [self._transmission(t) for t in run.transmissions],
        }

    def _decided(self, run: Run) -> str | None:
        """Return what was decided in a run; None where it was interrupted before that."""
        under_way = self.account.working and run is self.account.runs[-1]
        return "under_way" if run.decision is None and under_way else run.decision

    def _decision(self, decided: Decided) -> dict[str, Any]:
        return {
            "action": decided.action,
            "at": self._both(decided.at),
            "rule": decided.rule,
            "reason": self.mask.reason(decided.reason, self.copies),
        }

    def _transmission(self, sent: Transmission) -> dict[str, Any]:
        about = [c for c in self.copies if c.transmission == sent.id]
        return {
            "number": self.number_of[sent.id],
            "wave": sent.wave,
            "position": sent.position,
            "method": sent.method,
            "message_id": sent.message_id if self._is_shared(sent) else None,
            "sha256": sent.sha256,
            "size": sent.size,
            "recipients": sent.recipients,
            "staged": utc(sent.staged_at),
            "dot": utc(sent.dot_at),
            "replied": utc(sent.replied_at),
            "state": sent.state,
            "reply": self.mask(relayed(sent.reply), about),
            "cause": cause(sent.reply),
        }

    def _is_shared(self, sent: Transmission) -> bool:
        """Tell whether a message's name may be shown: whoever knows the name and the hash of a

        message written to one person can try every address until the hash is right.
        """
        if self.account.personal:
            return False
        every = (t for run in self.account.runs for t in run.transmissions)
        return all(t.sha256 == sent.sha256 for t in every if t.message_id == sent.message_id)

    def _outcome(self) -> dict[str, Any]:
        done = [c for c in self.copies if c.state in DONE]
        without = len(self.account.audience.get("without_address", ()))
        return {
            "said": f"{len(done)}/{len(self.copies)}",
            "accepted": len(done),
            "recipients": len(self.copies),
            "complete": len(done) == len(self.copies) and not without,
            "states": dict(sorted(Counter(c.state for c in self.copies).items())),
            **self._window(done),
        }

    def _window(self, done: Sequence[Copy]) -> dict[str, Any]:
        """Return how those who were served were, and how long it took between the first and the last."""
        used = {c.transmission for c in done}
        if not done or None in used:
            return {"shape": None, "window_us": None}
        first, last = self._releases()
        if len(used) == 1:
            return {"shape": "one", "window_us": 0}
        if first is None or last is None or first is last:
            return {"shape": first and first.shape, "window_us": first and first.window}
        return {"shape": "runs", "window_us": _between(first.first_dot_at, last.last_reply_at)}

    def _refusals(self) -> list[dict[str, Any]]:
        """Return who was refused, put off or returned, when, in which run, and what became of it."""
        rows = [*self._before_dot(), *self._came_back(), *self._after_dot()]
        return sorted(rows, key=lambda r: (r["run"] or 0, r["line"], r["kind"]))

    def _before_dot(self) -> Iterator[dict[str, Any]]:
        known = {copy.recipient: copy for copy in self.copies}
        for run in self.account.runs:
            states = run.reason.get("states", {})
            for told in ("refused", "deferred"):
                for key, reply in run.reason.get(told, {}).items():
                    if key in known:
                        kind = states.get(key, f"{told}_rcpt")
                        yield self._refusal(known[key], run.number, kind, str(reply), run.staged_at)

    def _came_back(self) -> Iterator[dict[str, Any]]:
        """Yield each sending of a copy that came back, whatever became of it since."""
        for copy in self.copies:
            for said in _bounces(copy):
                reply = "; ".join(r.reason for r in said)
                known = max(r.reported_at or r.recorded_at for r in said)
                row = self._refusal(copy, None, "bounced", None, known)
                yield row | {"reply": self.mask(reply, [copy])}

    def _after_dot(self) -> Iterator[dict[str, Any]]:
        """Yield who needs a person for what was not known before the dot."""
        last = {k: str(r) for run in self.account.runs for k, r in _out(run).items()}
        for copy in self.copies:
            before = last.get(copy.recipient)
            known = before is not None and (copy.reply or "").endswith(before[:1000])
            # Who was aborted was refused by nobody: another was.
            if copy.state in {*NEEDS_PERSON} - {"aborted"} and not known and not _bounces(copy):
                yield self._refusal(copy, None, copy.state, copy.reply, copy.settled_at)

    def _refusal(
        self, copy: Copy, run: int | None, kind: str, reply: str | None, at: datetime | None
    ) -> dict[str, Any]:
        return {
            "line": self.line_of[copy.recipient],
            "run": run,
            "kind": kind,
            "reply": self.mask(relayed(reply), [copy]),
            "cause": cause(reply),
            "remedy": _remedy(copy),
            "settled": utc(at),
        }

    def _line(self, number: int, copy: Copy) -> dict[str, Any]:
        own = next((self.account.contents[v] for v in self._variants(copy)), None)
        carrier = self.sent.get(copy.transmission or 0)
        return {
            "line": number,
            "commitment": commitment(copy.salt, copy.name, copy.addresses),
            "newcomer": copy.newcomer,
            "content": None if own is None else hidden_content(copy.salt, own),
            "state": copy.state,
            "attempts": max(copy.attempts, self.asked[copy.recipient]),
            "staged": utc(carrier.staged_at if carrier else None),
            "released": utc(carrier.dot_at if carrier else None),
            "settled": utc(copy.settled_at),
            "reply": self.mask(relayed(copy.reply), [copy]),
            "cause": cause(copy.reply),
            "transmission": self.number_of[carrier.id] if carrier else None,
            "by_person": _resolved(copy),
        }

    def _variants(self, copy: Copy) -> list[str]:
        """Return the rendering that is this recipient's alone, if there is one: `fr@7`."""
        own = f"{'+'.join(copy.languages)}@{copy.delivery}"
        return [own] if own in self.account.contents else []

    def _both(self, at: datetime | None) -> dict[str, str] | None:
        if at is None:
            return None
        local = at.astimezone(self.zone).isoformat(timespec="microseconds")
        return {"utc": str(utc(at)), "local": local}


def chained(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines each with the hash of the one before (`previous`) and its own (`hash`)."""
    made, previous = [], GENESIS
    for line in lines:
        linked = {**line, "previous": previous}
        previous = line_hash(linked)
        made.append({**linked, "hash": previous})
    return made


def line_hash(line: Mapping[str, Any]) -> str:
    """Return the hash of a line: of all that it says, the hash of the one before included."""
    return content_hash(canonical({k: v for k, v in line.items() if k != "hash"}))


def _words(label: Mapping[str, str]) -> dict[str, str]:
    return {"fr": label["fr"], "en": label.get("en") or label["fr"]}


def _out(run: Run) -> dict[str, str]:
    """Return whom the relay did not take in a run, with its reply."""
    return {**run.reason.get("refused", {}), **run.reason.get("deferred", {})}


def _held_at(run: Run) -> datetime | None:
    """Return when the relay held all but the end; None when it was not reached, or took nobody."""
    asked = run.reason.get("asked")
    return None if asked and len(_out(run)) == len(asked) else run.staged_at


def _bounces(copy: Copy) -> list[list[Returned]]:
    """Return the failures of each sending of a copy that came back, the last one of each address.

    Where only one of several addresses failed, the copy is still accepted: it did not come back.
    """
    found: dict[datetime, dict[str, Returned]] = {}
    for said in copy.returned:
        undone = not said.current or copy.state not in {"accepted", "delayed"}
        if said.action == "failed" and said.sent_at is not None and undone:
            found.setdefault(said.sent_at, {})[said.address] = said
    return [list(one.values()) for one in found.values()]


def _decider(run: Run) -> str | None:
    if run.decision is None:
        return None
    return "person" if run.reason.get("by") else "rule"


def _remedy(copy: Copy) -> str:
    """Return what became of somebody refused: `accepted`, `left` so by a person, `person` (needed), `waiting`."""
    if copy.state in DONE:
        return "accepted"
    if copy.state in NEEDS_PERSON and is_left(copy.resolution):
        return "left"
    return "person" if copy.state in NEEDS_PERSON else "waiting"


def _resolved(copy: Copy) -> str | None:
    """Return when a person decided about this line, not who nor in which words."""
    if copy.resolution is None:
        return None
    try:
        return utc(datetime.fromisoformat(str(copy.resolution.get("at"))))
    except ValueError:
        return None


def _between(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else round((end - start).total_seconds() * 1e6)
