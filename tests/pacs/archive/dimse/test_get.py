"""Retrieve over the association that asks (C-GET): what is named comes, and what cannot be sent is counted."""

import asyncio
from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import PatientRootQueryRetrieveInformationModelGet  # type: ignore[attr-defined]  # made at import

from tests.pacs.archive.dimse import peer
from tests.pacs.archive.dimse.network import Network, Receiver, associated
from tests.pacs.archive.dimse.retrieving import (
    DOES_NOT_MATCH,
    EXPLICIT,
    PENDING,
    SOME_FAILED,
    SUCCESS,
    counts,
    have,
    retrieve,
    small,
)
from tests.pacs.archive.samples import dataset, encode


@pytest.mark.parametrize(
    ("keys", "uids"),
    [
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}, ["1.2.1.1", "1.2.1.2"]),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ["1.2.1", "1.2.2"]}, ["1.2.1.1", "1.2.1.2", "1.2.2.1"]),
        ({"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2.2.0"}, ["1.2.2.1"]),
        ({"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": ["1.2.1.2", "1.2.2.1"]}, ["1.2.1.2", "1.2.2.1"]),
        ({"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2.2", "SOPInstanceUID": "1.2.1.2"}, []),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.9"}, []),
    ],
)
async def test_get_brings_what_the_unique_keys_name(network: Network, keys: dict[str, Any], uids: list[str]) -> None:
    await have(network, small(1), small(2), small(1, 2))
    receiver = Receiver()

    answers = await asyncio.to_thread(retrieve, network.port, receiver, EXPLICIT, **keys)

    assert [one.SOPInstanceUID for one in receiver.received] == uids
    assert [status.Status for status, _ in answers] == [PENDING] * len(uids) + [SUCCESS]
    assert counts(answers[-1][0]) == (len(uids), 0, 0)


@pytest.mark.parametrize(
    ("keys", "uids"),
    [
        ({"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, {"1.2.1.1", "1.2.3.1"}),
        ({"QueryRetrieveLevel": "STUDY", "PatientID": "P1", "StudyInstanceUID": "1.2.3"}, {"1.2.3.1"}),
        ({"QueryRetrieveLevel": "STUDY", "PatientID": "P2", "StudyInstanceUID": "1.2.3"}, set()),
    ],
)
async def test_get_brings_what_a_patient_has(network: Network, keys: dict[str, Any], uids: set[str]) -> None:
    await have(network, small(1), small(1, 2), small(1, 3, PatientID="P1"))
    receiver, model = Receiver(), PatientRootQueryRetrieveInformationModelGet

    def retrieve_of_patient() -> int:
        wanted = {**EXPLICIT, model: [ImplicitVRLittleEndian]}
        with associated(network.port, wanted, receives=receiver.keep) as association:
            return [int(status.Status) for status, _ in association.send_c_get(peer.dataset(**keys), model)][-1]

    assert await asyncio.to_thread(retrieve_of_patient) == SUCCESS
    assert {one.SOPInstanceUID for one in receiver.received} == uids


@pytest.mark.parametrize(
    "keys",
    [
        {"QueryRetrieveLevel": "STUDY", "PatientID": "P1"},
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""},
        {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": ["1.2.1", "1.2.2"], "SOPInstanceUID": "1.2.1.1"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"},
        {"StudyInstanceUID": "1.2.1"},
    ],
)
async def test_get_needs_the_unique_key_of_its_level(network: Network, keys: dict[str, Any]) -> None:
    await have(network, small(1))

    answers = await asyncio.to_thread(retrieve, network.port, Receiver(), EXPLICIT, **keys)

    assert [status.Status for status, _ in answers] == [DOES_NOT_MATCH]


async def test_what_the_receiver_cannot_take_is_a_failed_suboperation(network: Network) -> None:
    private = dataset(PatientID="P1", SOPInstanceUID="1.2.1.9", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.0")
    private.SOPClassUID = "1.3.6.1.4.1.99999.7"
    await have(network, small(1), encode(private))
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve, network.port, receiver, EXPLICIT, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"
    )

    status, identifier = answers[-1]
    assert status.Status == SOME_FAILED
    assert counts(status) == (1, 1, 0)
    assert identifier is not None
    assert identifier.FailedSOPInstanceUIDList == "1.2.1.9"


async def test_a_file_that_the_disk_has_damaged_is_a_failed_suboperation_and_is_not_sent(network: Network) -> None:
    await have(network, small(1), small(2), small(3))
    (cut,), (changed,) = ((network.data_dir / "files").rglob(f"1.2.1.{number}.dcm") for number in (1, 2))
    cut.write_bytes(cut.read_bytes()[:-10])
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve, network.port, receiver, EXPLICIT, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"
    )

    status, identifier = answers[-1]
    assert (status.Status, counts(status)) == (SOME_FAILED, (1, 2, 0))
    assert identifier is not None
    assert set(identifier.FailedSOPInstanceUIDList) == {"1.2.1.1", "1.2.1.2"}
    assert [str(one.SOPInstanceUID) for one in receiver.received] == ["1.2.1.3"]


async def test_refusals_and_warnings_of_the_receiver_are_counted(network: Network) -> None:
    answers = {"1.2.1.1": 0x0000, "1.2.1.2": 0xB000, "1.2.1.3": 0xA700}
    await have(network, small(1), small(2), small(3))
    receiver = Receiver(lambda event: answers[str(event.request.AffectedSOPInstanceUID)])  # type: ignore[union-attr]

    found = await asyncio.to_thread(
        retrieve, network.port, receiver, EXPLICIT, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1"
    )

    assert found[-1][0].Status == SOME_FAILED
    assert counts(found[-1][0]) == (1, 1, 1)
    assert [status.NumberOfRemainingSuboperations for status, _ in found[:-1]] == [2, 1, 0]
