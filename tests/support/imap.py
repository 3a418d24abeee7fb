"""A real IMAP server on this machine, in a process of its own, with one account in memory."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Self

from imap_tools import AND, MailBoxUnencrypted

from tests.support.mail import free_port

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "arrimage", "un secret"


class ImapServer:
    """The server; `deliver` puts a message in its INBOX."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.port = free_port()
        secure = ["--cert", str(certificate)] if certificate else ["--no-tls"]
        self._command = [
            sys.executable, "-c", "from pymap.main import main; main()",
            "--host", "127.0.0.1", "--port", str(self.port), *secure,
            "dict", "--demo-user", USER, "--demo-password", PASSWORD,
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                with self.box():
                    return self
            except OSError:
                time.sleep(0.05)
        self._process.kill()
        msg = "the IMAP server did not start"
        raise RuntimeError(msg)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def box(self) -> MailBoxUnencrypted:
        return MailBoxUnencrypted("127.0.0.1", self.port, 10).login(USER, PASSWORD)

    def deliver(self, *messages: bytes) -> None:
        with self.box() as box:
            for message in messages:
                box.append(message)

    def folder(self, name: str) -> None:
        with self.box() as box:
            box.folder.create(name)

    def unseen(self) -> int:
        with self.box() as box:
            return len(box.uids(AND(seen=False)))

    def count(self, folder: str = "INBOX") -> int:
        with self.box() as box:
            return int(box.folder.status(folder)["MESSAGES"])


def certificate(folder: Path, name: str = "127.0.0.1") -> Path:
    """Return a file with a key and a certificate that this machine signed for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "imap.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TlsFront:
    """Speaks TLS from the first byte, and passes what it hears on to a server that does not."""

    def __init__(self, behind: int, pem: Path) -> None:
        self.port = free_port()
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while heard := await reader.read(65536):
        writer.write(heard)
    writer.close()
