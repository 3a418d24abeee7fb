"""What passed between clients and a server of this machine, with the kernel's own instants.

    with Wire(server.port) as wire:
        …
    window = wire.acceptances()[-1].at - wire.dots()[0].at

A witness that is neither the client nor the server, the same for any of both. Nothing runs while it
looks: the kernel keeps short segments until they are asked for. Needs root; what is encrypted it cannot read.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import unittest
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ETH_P_ALL = 0x0003
_ETH_P_IP = 0x0800
_PACKET_OUTGOING = 4
_SO_ATTACH_FILTER = 26
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_BUFFER = 256 * 2**20
#: A client's longer segments are bodies: of no interest, and many.
_LONGEST = 200
_DOT = re.compile(rb"(?:^|\r\n)\.\r\n$|^BDAT 0 LAST\r\n$", re.IGNORECASE)
#: As Postfix says it, to a dot and to the last chunk; our own server says it alike.
_ACCEPTED = re.compile(r"250 2\.\d\.\d Ok: (?:\d+ bytes )?queued as \w+$")


class NoWire(unittest.SkipTest):
    """Nobody may look at the network here; pytest skips the test and shows why."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A line or a command that passed.

    Attributes:
        at: Nanoseconds since 1970 (CLOCK_REALTIME), when its last byte was handed to the network.
        client: The client's port: one connection.
        text: What it said.
    """

    at: int
    client: int
    text: str


class Wire:
    """Keeps what passes while it is entered; then `replies`, `acceptances` and `dots` tell it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._segments: list[tuple[int, int, bool, bytes]] = []
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        except PermissionError as error:
            raise NoWire("the instants of the network: only root may look at it") from error
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        _attach(self._socket, self.port)
        # A tap of every protocol is served before the stack: what a program has already received, this has
        # already seen. A tap of one protocol is served after it, and a busy machine shows the difference.
        self._socket.bind(("lo", _ETH_P_ALL))
        self._socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self.read()
        assert self._socket is not None
        self._socket.close()

    def read(self) -> None:
        """Take what the kernel has kept so far; leaving the context does it too."""
        assert self._socket is not None
        while True:
            try:
                segment, ancillary, _, _ = self._socket.recvmsg(65535, 64)
            except BlockingIOError:
                break
            seconds, nanos = struct.unpack("qq", ancillary[0][2])
            self._segments.append((seconds * 10**9 + nanos, *_payload(segment, self.port)))
        _, lost = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        assert not lost, f"{lost} segments lost: read more often"

    def replies(self) -> list[Seen]:
        """Return every line that the server wrote, each at the instant when it was whole."""
        return list(_lines(s for s in self._segments if s[2]))

    def acceptances(self) -> list[Seen]:
        """Return the replies by which the server took charge of a message, in order."""
        return [seen for seen in self.replies() if _ACCEPTED.match(seen.text)]

    def dots(self) -> list[Seen]:
        """Return the releases that went alone: a final dot, or `BDAT 0 LAST`."""
        return [
            Seen(at=at, client=client, text=payload.decode(errors="replace").strip())
            for at, client, by_server, payload in self._segments
            if not by_server and _DOT.search(payload)
        ]


def _payload(segment: bytes, port: int) -> tuple[int, bool, bytes]:
    """Return the client's port, whether the server speaks, and what is said (RFC 791, RFC 9293)."""
    header = (segment[0] & 0x0F) * 4
    source, target = struct.unpack("!HH", segment[header : header + 4])
    begins = header + (segment[header + 12] >> 4) * 4
    whole = struct.unpack("!H", segment[2:4])[0] or len(segment)
    return (
        (target, True, segment[begins:whole])
        if source == port
        else (source, False, segment[begins:whole])
    )


def _lines(segments: Iterable[tuple[int, int, bool, bytes]]) -> Iterator[Seen]:
    begun: defaultdict[int, bytes] = defaultdict(bytes)
    for at, client, _, payload in segments:
        *whole, begun[client] = (begun[client] + payload).split(b"\r\n")
        for line in whole:
            yield Seen(at=at, client=client, text=line.decode(errors="replace"))


def _attach(to: socket.socket, port: int) -> None:
    """Let through what leaves the server's port, and the short of what goes to it; each as it arrives."""
    program = [
        (0x20, 0, 0, 0xFFFFF004),  # the direction
        (0x15, 12, 0, _PACKET_OUTGOING),
        (0x20, 0, 0, 0xFFFFF000),  # the protocol of the link
        (0x15, 0, 10, _ETH_P_IP),
        (0x30, 0, 0, 9),  # protocol
        (0x15, 0, 8, socket.IPPROTO_TCP),
        (0xB1, 0, 0, 0),  # X = length of the IP header
        (0x48, 0, 0, 0),  # source port
        (0x15, 4, 0, port),
        (0x48, 0, 0, 2),  # target port
        (0x15, 0, 3, port),
        (0x28, 0, 0, 2),  # whole length
        (0x25, 1, 0, _LONGEST),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    to.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", len(program), ctypes.addressof(code)),
    )
