"""Listens on the DICOM port: a thread for the port, two for each association, and an end to all of them."""

import asyncio
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from pacs.archive.dimse import tls
from pacs.archive.dimse.admission import House
from pacs.archive.dimse.associations import ArchiveAssociation
from pacs.archive.dimse.entity import application_entity
from pacs.archive.dimse.memory import LargeMessages
from pacs.archive.dimse.negotiation import Offer
from pacs.archive.dimse.options import DimseOptions
from pacs.archive.dimse.service import Service

log = structlog.get_logger(__name__)

_BACKLOG = 64
_LOOK_SECONDS = 0.5
_ABORT_SECONDS, _JOIN_SECONDS = 1.0, 5.0
_POLL_SECONDS = 0.02


class DimseServer:
    """One application entity. `store` is that of `services` which takes storage classes nobody lists."""

    def __init__(self, options: DimseOptions, services: Sequence[Service], store: Service | None = None) -> None:
        self._options = options
        self._offer = Offer(services, store)
        self._associations: set[ArchiveAssociation] = set()
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._accept, name="dimse-listener", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        assert self._listener is not None  # noqa: S101  # asked of a server that runs
        port: int = self._listener.getsockname()[1]
        return port

    async def start(self) -> None:
        """Listens. `OSError` when the address cannot be had or a file of the TLS options is no good."""
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Takes no more calls, gives running operations a moment, then ends all associations."""
        await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        options = self._options
        context = tls.accepting(options.tls) if options.tls else None
        self._house = House(
            ae=application_entity(options),
            ae_title=options.ae_title,
            offer=self._offer,
            tls=context,
            large_messages=LargeMessages(),
            admits=self._admits,
            is_full=self._is_full,
            ended=self._ended,
        )
        self._listener = _listener(options)
        self._listener.settimeout(_LOOK_SECONDS)
        self._thread.start()
        log.info("dimse_listening", port=self.port, ae_title=options.ae_title, tls=context is not None)

    def _stop(self) -> None:
        if self._listener is None:
            return
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_JOIN_SECONDS)
        self._listener.close()
        self._wait(self._options.stop_seconds, lambda: any(one.is_busy for one in self._open()))
        for association in self._open():
            association.abort(block=False)
        self._wait(_ABORT_SECONDS, self._open)
        for association in self._open():
            association.hang_up()
        for association in self._open():
            association.join(_JOIN_SECONDS)

    @staticmethod
    def _wait(seconds: float, holds: Callable[[], object]) -> None:
        """Waits while something holds, but not longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and holds():
            time.sleep(_POLL_SECONDS)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101  # the thread starts with it
        while not self._stopping.is_set():
            try:
                client, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not self._stopping.is_set():
                    log.error("dimse_cannot_accept", reason=type(error).__name__, errno=error.errno)
                    self._stopping.wait(_LOOK_SECONDS)
                continue
            self._begin(client, address)

    def _begin(self, client: socket.socket, address: tuple[object, ...]) -> None:
        """Starts an association; a connection above twice their number, in which nothing was said yet, is closed."""
        with self._turn:
            is_flooded = len(self._associations) >= 2 * self._options.most_associations
        if is_flooded or self._stopping.is_set():
            client.close()
            return
        association = None
        try:
            association = ArchiveAssociation(self._house, client, address, client.getsockname())
            with self._turn:
                self._associations.add(association)
            association.start()
        except (OSError, RuntimeError) as error:  # the peer is gone again, or no thread is to be had
            log.error("dimse_cannot_begin", reason=type(error).__name__)
            client.close()
            if association is not None:
                self._ended(association)

    def _admits(self, ae_title: str, address: str) -> bool:
        return is_loopback(self._options.host) or self._options.peers.knows(ae_title.strip(), address)

    def _is_full(self) -> bool:
        established = sum(one.is_established for one in self._open())
        return established >= self._options.most_associations

    def _ended(self, association: ArchiveAssociation) -> None:
        with self._turn:
            self._associations.discard(association)

    def _open(self) -> list[ArchiveAssociation]:
        with self._turn:
            return list(self._associations)


def probe(options: DimseOptions) -> None:
    """Does nothing if a server of these options can start; else the sentence of its `OSError` says what to change."""
    try:
        if options.tls is not None:
            tls.accepting(options.tls)
            tls.calling(options.tls)
    except OSError as error:
        raise OSError("TLS on the DICOM network: certificate, key and authority are no PEM files that fit") from error
    if not is_loopback(options.host) and not options.peers:
        raise OSError(f"on {options.host}, which is no loopback address, only peers may call: name some")
    try:
        _listener(options).close()
    except OSError as error:
        reason = f"DICOM port {options.port} on {options.host}: {os.strerror(error.errno or 0)}"
        raise OSError(f"{reason}; take another one") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(options: DimseOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    return socket.create_server((options.host, options.port), family=family, backlog=_BACKLOG)
