"""The other applications on the DICOM network, by their AE titles: who may be sent to, and who may call."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_LONGEST_TITLE = 16
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Peer:
    """One application entity and where it listens."""

    ae_title: str
    host: str
    port: int

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses that its host has now; none when the name is not known."""
        try:
            return frozenset(str(found[4][0]) for found in socket.getaddrinfo(self.host, None))
        except OSError:
            return frozenset()


class Peers(Mapping[str, Peer]):
    """All known peers."""

    def __init__(self, peers: Iterable[Peer] = ()) -> None:
        self._peers = {peer.ae_title: peer for peer in peers}

    def __getitem__(self, ae_title: str) -> Peer:
        return self._peers[ae_title]

    def __iter__(self) -> Iterator[str]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self._peers)

    def knows(self, ae_title: str, address: str) -> bool:
        """Whether a caller is a peer: by its title and the address it calls from. May wait for a name server."""
        peer = self.get(ae_title)
        return peer is not None and _plain(address) in peer.addresses


def parse_peers(text: str) -> Peers:
    """Peers written `AET=host:port,…` (`AET=[::1]:104` for IPv6); `ValueError` says what is wrong."""
    peers: dict[str, Peer] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        peer = _peer(part)
        if peer.ae_title in peers:
            raise ValueError(f"{peer.ae_title} is named twice")
        peers[peer.ae_title] = peer
    return Peers(peers.values())


def check_ae_title(title: str) -> str:
    """An AE title (PS3.5 §6.2: 1 to 16 printable ASCII characters, no backslash), else `ValueError`."""
    stripped = title.strip()
    if not stripped or len(stripped) > _LONGEST_TITLE or not stripped.isascii() or not stripped.isprintable():
        raise ValueError(f"{title!r} is not an AE title: 1 to 16 printable ASCII characters")
    if "\\" in stripped:
        raise ValueError(f"{title!r} is not an AE title: it must not have a backslash")
    return stripped


def _peer(part: str) -> Peer:
    title, equals, address = part.partition("=")
    host, colon, port = address.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (equals and colon and host):
        raise ValueError(f"{part!r} is not AET=host:port")
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port[:6]) <= _HIGHEST_PORT:
        raise ValueError(f"{part!r}: the port is no number from 1 to {_HIGHEST_PORT}")
    return Peer(check_ae_title(title), host, int(port))


def _plain(address: str) -> str:
    """An IPv4 address that reached an IPv6 socket, as IPv4."""
    return address.removeprefix("::ffff:") if "." in address else address
