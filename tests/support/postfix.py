"""A real Postfix on this machine, in a folder of its own: nothing leaves it, nothing stays after it.

    with Postfix(refuse={"e01@example.org": "550 5.1.1 no such user"}, smtpd_timeout="2s") as server:
        …  # server.port, server.received(), server.log()

Debian's package is installed when it is missing, which needs root, apt-get and its archive; where that
cannot be, the test is skipped and the reason says why. The package is set up without a configuration, so
that the system's own service has nothing to start with.
"""

from __future__ import annotations

import fcntl
import functools
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from tests.support import certificates
from tests.support.mail import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import EmailMessage

    from tests.support.certificates import Certificate

MASTER = Path("/usr/lib/postfix/sbin/master")
QUEUES = ("incoming", "active", "deferred", "hold")
_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=20")
_INSTALL = (*_APT, "install", "-y", "--no-install-recommends", "postfix")
_NO_CONFIGURATION = "postfix postfix/main_mailer_type select No configuration\n"

_MAIN = {
    "compatibility_level": "3.6",
    "inet_protocols": "ipv4",
    "myhostname": "postfix.example.org",
    "myorigin": "example.org",
    "mynetworks": "127.0.0.0/8",
    # Every domain is one of our own mailboxes: nothing can leave, and no name is ever looked up.
    "mydestination": "",
    "virtual_mailbox_domains": "static:all",
    "virtual_mailbox_maps": "static:all/",
    "virtual_uid_maps": "static:65534",
    "virtual_gid_maps": "static:65534",
    "default_transport": "error:5.4.4 nothing leaves this machine",
    "alias_maps": "",
    # A mailbox that does not exist is found out after acceptance, as behind any relay.
    "smtpd_reject_unlisted_recipient": "no",
    "smtpd_peername_lookup": "no",
    "smtp_dns_support_level": "disabled",
    # Its own machine is spared the limits of clients by default; we are here to meet them.
    "smtpd_client_event_limit_exceptions": "",
    "enable_long_queue_ids": "yes",
    "queue_run_delay": "1s",
    "minimal_backoff_time": "1s",
}  # fmt: skip

_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

#: The digits of a long queue id: no vowels (postconf(5), enable_long_queue_ids).
_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_MICROSECOND_DIGITS = 4
_LINE = re.compile(
    r"^\w+ +\d+ [\d:]+ \S+ postfix/(?P<program>[\w-]+)\[(?P<pid>\d+)\]: "
    r"(?:(?P<queue_id>[0-9A-Za-z]{12,}): )?(?P<text>.*)$"
)
_RECIPIENT = re.compile(rb"(?m)^Delivered-To: (.+)$")


# It goes with whoever started it, however that ends: then the pipe is closed. Its queue goes with it, so
# that there is nothing to be polite about.
_GUARD = 'cat; kill -KILL "-$0"; rm -rf -- "$1"'


class Missing(unittest.SkipTest):
    """Postfix cannot be had here; pytest skips the test and shows why."""


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line of the server's log; `queue_id` is empty where the line is about no message."""

    program: str
    pid: int
    queue_id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A message in a mailbox; `recipient` is the envelope's, as the server wrote it down."""

    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


def queued_at(queue_id: str) -> int:
    """Return when a message was given its place in the queue: nanoseconds since 1970, to the microsecond.

    That is at its first recipient, long before the final dot: when it was accepted is on the wire.
    """
    instant = queue_id[: queue_id.rindex("z")]
    seconds, micros = instant[:-_MICROSECOND_DIGITS], instant[-_MICROSECOND_DIGITS:]
    return (_number(seconds) * 1_000_000 + _number(micros)) * 1000


def _number(digits: str) -> int:
    return functools.reduce(lambda total, d: total * len(_DIGITS) + _DIGITS.index(d), digits, 0)


@functools.cache
def install() -> None:
    """See to it that Postfix is here; once, however many processes ask.

    Raises:
        Missing: It is not, and cannot be installed.
    """
    if os.geteuid() != 0:
        raise Missing("Postfix: only root can start it on its own queue")
    with (Path(tempfile.gettempdir()) / "arrimage-postfix.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not MASTER.exists():
            _apt_install()


def _apt_install() -> None:
    if shutil.which("apt-get") is None:
        raise Missing("Postfix: not installed, and no apt-get to install it")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["debconf-set-selections"], input=_NO_CONFIGURATION, text=True, check=False)
    for command in (_INSTALL, (*_APT, "update"), _INSTALL):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if MASTER.exists():
            return
    said = (done.stderr.strip() or done.stdout.strip() or "no word from apt-get").splitlines()[-1]
    raise Missing(f"Postfix: not installed, and it cannot be: {said}")


class Postfix:
    """A running server of one's own.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        folder: Its configuration, queue, mailboxes and log; gone after it.
        certificate: What it shows to those who ask for TLS, or none.
    """

    def __init__(
        self,
        *,
        refuse: Mapping[str, str] | None = None,
        undeliverable: Iterable[str] = (),
        delayed: Iterable[str] = (),
        tls: str = "",
        certificate: str = "good",
        **parameters: str | int,
    ) -> None:
        """Prepare; entering the context starts.

        Args:
            refuse: Replies to RCPT, by recipient: `550 5.1.1 no such user`, `450 4.2.1 later`.
            undeliverable: Recipients that are accepted, then reported to the sender (RFC 3464).
            delayed: Recipients that are accepted, then stay in the queue.
            tls: Empty for none, `may` to offer STARTTLS, `encrypt` to require it.
            certificate: A kind of `tests.support.certificates`.
            parameters: Anything of main.cf, as it is written there.
        """
        self.port = 0
        self.folder = Path()
        self.certificate: Certificate | None = None
        self._refuse = dict(refuse or {})
        self._transports = dict.fromkeys(undeliverable, "error:5.1.1 mailbox unavailable")
        self._transports.update(dict.fromkeys(delayed, "retry:4.2.2 mailbox full"))
        self._parameters = {name: str(value) for name, value in parameters.items()}
        if tls:
            self.certificate = certificates.made(certificate)
            self._parameters["smtpd_tls_security_level"] = tls
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        install()
        self.port = free_port()
        # Its daemons are nobody in particular: they must be able to reach their folder.
        self.folder = Path(tempfile.mkdtemp(prefix="arrimage-postfix-"))
        self.folder.chmod(0o755)
        try:
            self._make_folders()
            self._configure()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The master's process, which is also its group."""
        assert self._master is not None
        return self._master.pid

    def stop(self) -> None:
        """Stop every process of it, and remove the folder."""
        if self._master is not None:
            self._guard.communicate()
            self._master.wait(timeout=20)
            until(lambda: not self.processes())
            self._master = None
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """Return what runs of it; whoever is dead and not yet buried does not count."""
        group = self.pid
        return [
            process.pid
            for process in psutil.process_iter(["status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE and _group(process.pid) == group
        ]

    def _make_folders(self) -> None:
        user = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "queue/pid"):
            (self.folder / name).mkdir(mode=0o755)
        _owned(self.folder / "data", user.pw_uid, 0o700)
        _owned(self.folder / "mail", pwd.getpwnam("nobody").pw_uid, 0o700)
        _owned(self.folder / "queue/public", user.pw_uid, 0o711)
        inner = ("private", "bounce", "defer", "flush", "trace", "corrupt", "saved", "maildrop")
        for name in (*QUEUES, *inner):
            _owned(self.folder / "queue" / name, user.pw_uid, 0o700)

    def _configure(self) -> None:
        etc = self.folder / "etc"
        (etc / "refuse").write_text(_table(self._refuse))
        (etc / "transport").write_text(_table(self._transports))
        (etc / "master.cf").write_text(_SERVICES.format(port=self.port))
        own = {
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.folder / "log",
            "maillog_file_prefixes": self.folder,
            "virtual_mailbox_base": self.folder / "mail",
            "transport_maps": f"texthash:{etc}/transport",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{etc}/refuse, "
            "permit_mynetworks, reject",
        }
        if self.certificate is not None:
            shutil.copy(self.certificate.chain, etc / "chain.pem")
            own["smtpd_tls_chain_files"] = etc / "chain.pem"
        lines = {**_MAIN, **own, **self._parameters}
        (etc / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))
        for path in etc.iterdir():
            os.utime(path, (0, 0))  # it waits two seconds before it reads a file that is new

    def _start(self) -> None:
        words = [str(MASTER), "-c", str(self.folder / "etc"), "-d"]
        with (self.folder / "master.out").open("wb") as out:
            self._master = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        guard = ["sh", "-c", _GUARD, str(self.pid), str(self.folder)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
        until(self._greets, self._words)

    def _greets(self) -> bool:
        assert self._master is not None
        if self._master.poll() is not None:
            raise RuntimeError(f"Postfix has stopped: {self._words()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
                return client.recv(1000).startswith(b"220")
        except ConnectionRefusedError:
            return False

    def _words(self) -> str:
        written = (self.folder / name for name in ("master.out", "log"))
        return "\n".join(path.read_text() for path in written if path.exists())

    def log(self) -> list[LogLine]:
        """Return the log so far, in order."""
        path = self.folder / "log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        found = (_LINE.match(line) for line in lines)
        return [
            LogLine(program=m["program"], pid=int(m["pid"]), queue_id=m["queue_id"] or "", text=m["text"])
            for m in found if m
        ]  # fmt: skip

    def accepted(self) -> list[str]:
        """Return the queue ids of the messages that it took charge of, as its queue manager saw them."""
        return list(dict.fromkeys(
            line.queue_id for line in self.log()
            if line.program == "qmgr" and "(queue active)" in line.text
        ))  # fmt: skip

    def queued(self) -> list[Path]:
        """Return the files of the queue: what is being staged, and what is not yet delivered."""
        return [
            p for name in QUEUES for p in (self.folder / "queue" / name).rglob("*") if p.is_file()
        ]

    def received(self, address: str | None = None) -> list[Delivered]:
        """Return what was put in the mailboxes, or in that of one address, in no order."""
        files = (self.folder / "mail/all/new").glob("*")
        found = (_delivered(path.read_bytes()) for path in files)
        return [d for d in found if address in {None, d.recipient}]

    def mailboxes(self) -> Counter[str]:
        """Return how many messages each address has."""
        return Counter(d.recipient for d in self.received())

    def wait(self, count: int, address: str | None = None) -> list[Delivered]:
        """Return what was received once there is so much of it."""
        until(lambda: len(self.received(address)) >= count, self._words)
        return self.received(address)


def _delivered(content: bytes) -> Delivered:
    written = _RECIPIENT.search(content)
    assert written is not None, content[:1000]
    return Delivered(recipient=written[1].decode(), content=content)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _table(entries: Mapping[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def _owned(folder: Path, user: int, mode: int) -> None:
    folder.mkdir()
    os.chown(folder, user, -1)
    folder.chmod(mode)
