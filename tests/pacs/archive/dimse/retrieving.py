"""What tests of Query/Retrieve store, and how they ask for it, with pynetdicom as the workstation."""

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet  # type: ignore[attr-defined]  # made at import

from tests.pacs.archive.dimse import peer
from tests.pacs.archive.dimse.network import Network, Receiver, associated
from tests.pacs.archive.samples import instance

GET = StudyRootQueryRetrieveInformationModelGet
PENDING, SUCCESS, CANCELLED, SOME_FAILED = 0xFF00, 0x0000, 0xFE00, 0xB000
NOT_PERFORMED, UNKNOWN_DESTINATION, DOES_NOT_MATCH = 0xA702, 0xA801, 0xA900
EXPLICIT: dict[str, Sequence[str]] = {CTImageStorage: [ExplicitVRLittleEndian]}


def small(number: int, study: int = 1, **attributes: Any) -> bytes:
    """An instance of a study of its own patient."""
    return instance(
        SOPInstanceUID=f"1.2.{study}.{number}",
        StudyInstanceUID=f"1.2.{study}",
        SeriesInstanceUID=f"1.2.{study}.0",
        **{"PatientID": f"P{study}", "InstanceNumber": number, **attributes},
    )


async def have(network: Network, *files: bytes) -> None:
    assert (await network.web.store(*files)).status_code == 200


def retrieve(
    port: int, receiver: Receiver, contexts: dict[str, Sequence[str]], **keys: Any
) -> list[tuple[Dataset, Dataset | None]]:
    wanted = {**contexts, GET: [ImplicitVRLittleEndian]}
    with associated(port, wanted, receives=receiver.keep) as association:
        return list(association.send_c_get(peer.dataset(**keys), GET))


def counts(status: Dataset) -> tuple[int, int, int]:
    return (
        status.NumberOfCompletedSuboperations,
        status.NumberOfFailedSuboperations,
        status.NumberOfWarningSuboperations,
    )
