"""A whole archive on the DICOM network, and a peer of it, both in this process."""

import asyncio
import io
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association

from pacs.archive.dimse.options import DimseOptions
from pacs.archive.options import ArchiveOptions
from pacs.peers import Peer, Peers
from tests.pacs.archive.serving import Archive, running
from tests.requestor import requestor

QUICK = {"acse_seconds": 5.0, "dimse_seconds": 5.0, "network_seconds": 5.0, "stop_seconds": 1.0}


@dataclass
class Network:
    """An archive on both networks."""

    web: Archive
    port: int
    data_dir: Path
    peers: dict[str, int] = field(default_factory=dict)

    @property
    def leftovers(self) -> list[Path]:
        """Files that are neither stored nor on their way."""
        return [path for folder in ("incoming", "intents") for path in (self.data_dir / folder).iterdir()]

    async def stored(self) -> set[str]:
        """SOPInstanceUIDs of all that is stored, as the web services tell."""
        answer = await self.web.client.get(f"{self.web.url}/instances")
        return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == 200 else set()


@asynccontextmanager
async def on_network(data_dir: Path, peers: Sequence[Peer] = (), **options: Any) -> AsyncIterator[Network]:
    """An archive that listens on both networks, and leaves no thread and no file behind."""
    before, port = dimse_threads(), free_port()
    dimse = DimseOptions(port=port, peers=Peers(peers), **{**QUICK, **options})
    async with running(ArchiveOptions(data_dir=data_dir, dimse=dimse)) as web:
        network = Network(web, port, data_dir)
        yield network
        await soon(lambda: len(dimse_threads()) == len(before) + 1)  # the listener's
        assert network.leftovers == []
    assert dimse_threads() == before


def dimse_threads() -> list[str]:
    """The threads of the archive's side of the DICOM network."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("dimse-"))


async def soon(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits until something holds; fails if it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become true"
        await asyncio.sleep(0.02)


@contextmanager
def associated(
    port: int, contexts: Mapping[str, Sequence[str]], *, title: str = "TESTER", receives: Any = None
) -> Iterator[Association]:
    """An association of a peer with abstract syntaxes and their transfer syntaxes, each in a context of its own.

    With `receives`, a handler of C-STORE requests, it takes the part of the SCP of all these as well (C-GET).
    """
    entity = requestor(title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    for abstract, syntaxes in contexts.items():
        for syntax in syntaxes:
            entity.add_requested_context(abstract, syntax)
    roles: list[Any] = [build_role(abstract, scp_role=True) for abstract in contexts] if receives else []
    handlers: Any = [(evt.EVT_C_STORE, receives)] if receives else []
    association = entity.associate("127.0.0.1", port, ext_neg=roles, evt_handlers=handlers)
    connection = association.dul.socket and association.dul.socket.socket
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        if connection is not None:
            connection.close()  # pynetdicom leaves one open that the other side has closed


def send(port: int, *files: bytes, title: str = "TESTER") -> list[Dataset]:
    """Sends Part 10 files and returns the statuses."""
    datasets = [dcmread(io.BytesIO(file), force=True) for file in files]
    contexts: dict[str, list[str]] = {}
    for one in datasets:
        syntaxes = contexts.setdefault(str(one.file_meta.MediaStorageSOPClassUID), [])
        syntaxes += {str(one.file_meta.TransferSyntaxUID)} - set(syntaxes)
    with associated(port, contexts, title=title) as association:
        assert association.is_established
        return [association.send_c_store(one) for one in datasets]


async def store(network: Network, *files: bytes, title: str = "TESTER") -> list[int]:
    """`send`, off the event loop; the status codes."""
    return [one.Status for one in await asyncio.to_thread(send, network.port, *files, title=title)]


class Receiver:
    """A store SCP that keeps what it gets; `answer` decides what it says."""

    def __init__(self, answer: Callable[[evt.Event], int] | None = None) -> None:
        self.received: list[FileDataset] = []
        self.originators: list[tuple[str, int]] = []
        self._answer = answer
        self._entity = AE("RECEIVER")
        self.port = free_port()

    def keep(self, event: evt.Event) -> int:
        """The handler."""
        request: Any = event.request
        status = self._answer(event) if self._answer else 0x0000
        if status == 0:
            received = FileDataset("", event.dataset, file_meta=event.file_meta)
            self.received.append(received)
            self.originators.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return status

    @contextmanager
    def listening(self, contexts: Mapping[str, Sequence[str]]) -> Iterator["Receiver"]:
        """Takes these classes in these transfer syntaxes."""
        supported = [build_context(abstract, list(syntaxes)) for abstract, syntaxes in contexts.items()]
        server: Any = self._entity.start_server(
            ("127.0.0.1", self.port), block=False, contexts=supported, evt_handlers=[(evt.EVT_C_STORE, self.keep)]
        )
        try:
            yield self
        finally:
            server.shutdown()


def encoded(dataset: Dataset) -> bytes:
    """A dataset, without a file header, as its bytes."""
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=False)
    return file.getvalue()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
