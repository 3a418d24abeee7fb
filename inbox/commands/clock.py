"""`tick` and `serve`: what happens by itself."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import click

from engine.errors import Unavailable
from inbox import mailwords
from inbox.command import command
from inbox.findings import as_json
from inbox.output import say, show_json
from inbox.plans import say_not_loaded
from inbox.texts import _, n_

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.errors import Finding
    from engine.timers import Ticked
    from inbox.app import App
    from notifications.bounces import Tally
    from notifications.worker import Report

_log = logging.getLogger("inbox.serve")
#: Rounds of one pass: mail wakes cases, cases queue mail; more would be a circle.
_ROUNDS = 10
#: Seconds before another try while the database does not answer: doubled each time, up to the last.
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0


class Pass(NamedTuple):
    """What one pass did: timers, mail sent, what came back, and the plans that could not be followed.

    `interrupted` copies are those that a sender left in the middle: nobody knows about them.
    """

    ticked: Ticked
    report: Report
    returned: Tally
    findings: tuple[Finding, ...]
    interrupted: int


def one_pass(app: App, stop: threading.Event | None = None) -> Pass:
    """Read what came back, fire what is due and deliver what is ready, until nothing more is due."""
    from engine.timers import Ticked, tick
    from notifications.worker import Report

    interrupted = app.settle_interrupted()
    findings = app.keep_plans()
    ticked, report = Ticked(), Report()
    returned = app.watch.read(app.now)
    app.worker.stop = stop
    for _round in range(_ROUNDS):
        fired = tick(app.engine)
        sent = app.worker.deliver_due()
        ticked += fired
        for state, count in sent.states.items():
            report.states[state] = report.states.get(state, 0) + count
        report.fault = report.fault or sent.fault
        if not (fired.fired or fired.woken or sent.states) or (stop and stop.is_set()):
            break
    return Pass(ticked, report, returned, findings, interrupted)


@command(
    "tick",
    help=_(
        "Faire une passe : minuteries dues, courrier prêt. Pour cron, ou quand on ne veut pas attendre."
    ),
    examples=["inbox tick", "*/5 * * * * inbox tick --home /srv/institut"],
)
def tick(app: App) -> None:
    ticked, report, returned, findings, interrupted = one_pass(app)
    say_not_loaded(findings)
    if app.json:
        show_json({"fired": ticked.fired, "superseded": ticked.superseded, "held": ticked.held,
                   "woken": ticked.woken,
                   "mail": report.states, "mail_fault": report.fault,
                   "interrupted": interrupted,
                   "returned": len(returned.effects), "bounces_fault": returned.fault,
                   "plans_at_fault": [as_json(f) for f in findings]})  # fmt: skip
    else:
        _say(ticked, report, interrupted)
        _say_returned(returned)
    if report.fault or returned.fault:
        raise click.exceptions.Exit(4)


def _say(ticked: Ticked, report: Report, interrupted: int) -> None:
    from inbox.commands.outbox import states

    say(
        _(
            "Minuteries échues : {fired}; sans objet : {gone}.",
            fired=ticked.fired,
            gone=ticked.superseded,
        )
    )
    if ticked.held:
        say(n_("{n} avis en retard attend l'ouverture des bureaux.",
               "{n} avis en retard attendent l'ouverture des bureaux.", ticked.held))  # fmt: skip
    words = states()
    for state, count in sorted(report.states.items()):
        say(_("Courrier, {state} : {n}", n=count, state=words[state]))
    if interrupted:
        say(n_("Un envoi précédent s'est arrêté en pleine libération : {n} exemplaire dont personne ne sait s'il "
               "est parti.",
               "Un envoi précédent s'est arrêté en pleine libération : {n} exemplaires dont personne ne sait s'ils "
               "sont partis.", interrupted))  # fmt: skip
    if interrupted or "uncertain" in report.states:
        say(
            _(
                "Ce qui est incertain n'est jamais renvoyé tout seul; tranchez : inbox outbox --failed"
            )
        )
    if not report.states and not interrupted:
        say(_("Courrier : rien à envoyer."))
    if report.fault:
        say(_("Le serveur de courrier est en défaut : {detail}. Rien n'est perdu; on réessaiera.",
              detail=mailwords.said(report.fault)), err=True)  # fmt: skip


def _say_returned(returned: Tally) -> None:
    from inbox.commands.bounces import say_effects

    say_effects(returned.effects)
    if returned.fault:
        say(_("La boîte des avis de non-remise est en défaut : {detail}. Rien n'est perdu; on "
              "réessaiera.", detail=mailwords.said(returned.fault)), err=True)  # fmt: skip


@command(
    "serve",
    help=_(
        "Envoyer rappels et courrier sans arrêt. SIGTERM : arrêt propre entre deux destinataires."
    ),
    examples=["inbox serve", "inbox serve --every 10"],
)
@click.option("--every", type=click.IntRange(1, 3600), default=5, show_default=True,
              help=_("Secondes entre deux passes."))  # fmt: skip
def serve(app: App, every: int) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler

    _logs()
    app.engine  # noqa: B018 - definitions are read and checked before we say that we are ready
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_frame: stop.set())
    # The scheduler is only the clock: what is due, and that it happens once, is the engine's business.
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        Passes(app, stop), "interval", seconds=every, max_instances=1, coalesce=True,
        next_run_time=datetime.now(UTC), misfire_grace_time=None,
    )  # fmt: skip
    scheduler.start()
    _tell_systemd("READY=1")
    _log.info("serving %s every %s s", app.workspace.home, every)
    stop.wait()
    _tell_systemd("STOPPING=1")
    scheduler.shutdown(wait=True)
    app.database.close()
    _log.info("stopped")


class Passes:
    """One pass after another; while the database or the disk is at fault, pauses that grow."""

    def __init__(
        self, app: App, stop: threading.Event, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what a pass needs, and a clock that nobody sets back."""
        self._app, self._stop, self._seconds = app, stop, seconds
        self._pause = 0.0
        self._next = 0.0
        self._at_fault = ""

    def __call__(self) -> None:
        """Run a pass if it is time; whatever goes wrong is logged, and a later one tries again."""
        if self._pause and self._seconds() < self._next:
            return
        try:
            ticked, report, returned, findings, interrupted = one_pass(self._app, self._stop)
        except Unavailable as error:
            self._wait(error)
            return
        except Exception:  # noqa: BLE001 - the service outlives a bad pass
            _log.exception("the pass failed; it will be tried again")
            return
        if self._pause:
            _log.info("the %s can be used again", self._at_fault)
            self._pause = 0.0
        if ticked.fired or report.states or report.fault:
            _log.info("fired=%s mail=%s fault=%s", ticked.fired, report.states, report.fault)
        if interrupted:
            _log.warning(
                "a sender had stopped during a release: %s copies are uncertain", interrupted
            )
        for finding in findings:
            _log.error("a plan is at fault, the others go on: %s", finding)
        for effect in returned.effects:
            said = effect.returned
            _log.info("%s %s: %s %s, now %s", effect.number, effect.message, said.action,
                      said.status, effect.state)  # fmt: skip

    def _wait(self, error: Unavailable) -> None:
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._next = self._seconds() + self._pause
        self._at_fault = error.what
        _log.error(
            "the %s is at fault: %s; next try in %g s", error.what, error.detail, self._pause
        )


class _JsonLines(logging.Formatter):
    """One JSON object a line, for a collector of logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"at": at, "level": record.levelname, "logger": record.name,
                "message": record.getMessage()}  # fmt: skip
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _logs() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A pass that outlasts its interval, such as one that waits for a database, is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _tell_systemd(state: str) -> None:
    """Tell the service manager (sd_notify(3)); nothing when there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall(state.encode())
