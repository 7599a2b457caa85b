"""The TCP connection of an association: waited on without polling, and never for longer than it may take."""

import select
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pynetdicom.transport import T_CONNECT, AddressInformation, AssociationSocket

if TYPE_CHECKING:
    from pynetdicom.association import Association

LONGEST_PDU_BYTES = 1024 * 1024
"""What a peer may send at once: more than we announce, as an A-ASSOCIATE-RQ is under no limit."""

_WAIT_MILLISECONDS = 50
_READ_BYTES = 256 * 1024


class PduTooLong(Exception):
    """A PDU announced more bytes than are taken."""


class Connection(AssociationSocket):
    """A socket whose `ready` waits a moment for the peer, or for `wake`."""

    def __init__(
        self,
        association: "Association",
        client: socket.socket,
        *,
        seconds: float,
        tls: ssl.SSLContext | None = None,
        call: str | None = None,
    ) -> None:
        """`seconds` bounds each PDU, in or out. With the name of a server to `call`, `client` is not connected yet."""
        super().__init__(association, client_socket=client)
        self._seconds = seconds
        self._tls = tls
        self._server_name = call
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        client.settimeout(seconds)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if call is not None:
            self._is_connected = False
            self._ready.clear()
            self.event_queue.get_nowait()  # the base class took the client for connected

    def connect(self, primitive: T_CONNECT) -> None:
        """Connects within the time of the association; what happened is the result of `primitive`."""
        try:
            assert self.socket is not None  # noqa: S101  # it is made with the connection
            self.socket.settimeout(self.assoc.connection_timeout)
            self.socket.connect(primitive.address_info.as_tuple)
            if self._tls is not None:
                self.socket = self._tls.wrap_socket(self.socket, server_hostname=self._server_name)
            self.socket.settimeout(self._seconds)
            self.assoc.requestor.address_info = AddressInformation.from_tuple(self.socket.getsockname())
            self._is_connected = True
            primitive.result = "Evt2"
        except OSError:
            self._shutdown_socket()
            self.socket = None
            primitive.result = "Evt17"
        self.provider_queue.put(primitive)
        self._ready.set()

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits up to 50 ms for it, or until `wake`."""
        if self.socket is None or not self._is_connected:
            return False
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        try:
            return self._wait(self.socket)
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def wake(self) -> None:
        """Ends a wait of `ready` in another thread."""
        with suppress(OSError):  # full, then it rings already; or closed
            self._ringer.send(b"\0")

    def recv(self, nr_bytes: int) -> bytearray:
        """So many bytes; fewer at the end of the stream. `OSError` after the time, `PduTooLong`."""
        if nr_bytes > LONGEST_PDU_BYTES:
            raise PduTooLong
        assert self.socket is not None  # noqa: S101  # nobody reads before there is a connection
        deadline = time.monotonic() + self._seconds
        data = bytearray()
        while len(data) < nr_bytes:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self.socket.recv(min(nr_bytes - len(data), _READ_BYTES))
            if not piece:
                break
            data += piece
        return data

    def send(self, bytestream: bytes) -> None:
        """Sends all of it within the time; else the connection counts as closed."""
        try:
            assert self.socket is not None  # noqa: S101  # nobody sends before there is a connection
            self.socket.settimeout(self._seconds)
            self.socket.sendall(bytestream)
        except (OSError, AssertionError):
            self.event_queue.put("Evt17")

    def dispose(self) -> None:
        """Closes whatever is open, at the association's end."""
        for one in (self.socket, self._bell, self._ringer):
            if one is not None:
                with suppress(OSError):
                    one.close()
        self.socket = None
        self._is_connected = False

    def _wait(self, connection: Any) -> bool:
        poll = select.poll()  # select() knows no descriptor above 1023
        poll.register(connection, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        found = {descriptor for descriptor, _ in poll.poll(_WAIT_MILLISECONDS)}
        if self._bell.fileno() in found:
            with suppress(OSError):
                self._bell.recv(4096)
        return connection.fileno() in found

    def _shutdown_socket(self) -> None:
        """Ends the connection in both directions."""
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                self.socket.close()
