"""A scanner and the programs of dcmtk, for a server on the DICOM network."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import StorageCommitmentPushModel as PUSH  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import StorageCommitmentPushModelInstance as WELL_KNOWN

from tests.pacs.archive.dimse.peer import dataset
from tests.real.required import need
from tests.requestor import requestor

_SECONDS = 60


def dcmtk(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of dcmtk; its output and exit code."""
    path = shutil.which(program)
    need(path, f"{program} is missing: apt-get install dcmtk")
    return subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)


async def listed(port: int, *keys: str) -> list[Dataset]:
    """The worklist entries that `findscu -W` gets for keys written as it wants them."""

    def run() -> list[Dataset]:
        with tempfile.TemporaryDirectory() as folder:
            asked = [argument for key in keys for argument in ("-k", key)]
            called = ("-aet", "NGV", "-aec", "DICOMGRAPH", "127.0.0.1", str(port))
            result = dcmtk("findscu", "-W", "-X", "-od", folder, *asked, *called)
            assert result.returncode == 0, result.stderr
            return [pydicom.dcmread(path) for path in sorted(Path(folder).iterdir())]

    return await asyncio.to_thread(run)


@dataclass(frozen=True)
class Scanner:
    """A modality that reports what it performs and asks whether its images are safe."""

    port: int
    ae_title: str = "SCANNER"

    async def begins(self, uid: str, **attributes: Any) -> int:
        """The status of an N-CREATE."""
        return await asyncio.to_thread(self.begins_now, uid, **attributes)

    def begins_now(self, uid: str, **attributes: Any) -> int:
        """`begins`, for threads. `ConnectionError` when there is no answer."""
        return self._send(MPPS, lambda one: one.send_n_create(dataset(**attributes), MPPS, uid))

    async def ends(self, uid: str, **attributes: Any) -> int:
        """The status of an N-SET."""
        return await asyncio.to_thread(self._send, MPPS, lambda one: one.send_n_set(dataset(**attributes), MPPS, uid))

    async def asks(self, transaction_uid: str, *references: dict[str, str]) -> int:
        """The status of an N-ACTION for storage commitment."""
        return await asyncio.to_thread(self.asks_now, transaction_uid, *references)

    def asks_now(self, transaction_uid: str, *references: dict[str, str]) -> int:
        """`asks`, for threads. `ConnectionError` when there is no answer."""
        asked = dataset(TransactionUID=transaction_uid, ReferencedSOPSequence=list(references))
        return self._send(PUSH, lambda one: one.send_n_action(asked, 1, PUSH, WELL_KNOWN))

    def _send(self, abstract_syntax: str, send: Any) -> int:
        with self._associated(abstract_syntax) as association:
            status = send(association)[0]
        if "Status" not in status:
            raise ConnectionError("no answer")
        code: int = status.Status
        return code

    @contextmanager
    def _associated(self, abstract_syntax: str) -> Iterator[Association]:
        entity = requestor(self.ae_title)
        entity.add_requested_context(abstract_syntax)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
        association = entity.associate("127.0.0.1", self.port)
        try:
            if not association.is_established:
                raise ConnectionError("no association")
            yield association
        finally:
            association.release()
            _close(association)


def _close(association: Association) -> None:
    """Closes the socket, which pynetdicom leaves open when the server dies."""
    transport = association.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.close()
