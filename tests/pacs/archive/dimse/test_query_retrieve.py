"""Query/Retrieve on the DICOM network, against pynetdicom as the workstation."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AllStoragePresentationContexts, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs.peers import Peer
from tests.pacs.archive.dimse import peer
from tests.pacs.archive.dimse.network import Network, Receiver, associated, on_network
from tests.pacs.archive.samples import dataset, encode, instance, wheel_file

PATIENT, STUDY = PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind
MOVE, GET = StudyRootQueryRetrieveInformationModelMove, StudyRootQueryRetrieveInformationModelGet
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


@pytest.fixture
async def network(data_dir: Path) -> AsyncIterator[Network]:
    async with on_network(data_dir) as found:
        yield found


async def have(network: Network, *files: bytes) -> None:
    assert (await network.web.store(*files)).status_code == 200


async def find(network: Network, model: str = STUDY, **keys: Any) -> tuple[int, list[Dataset]]:
    return await peer.find(network.port, model, peer.dataset(**keys))


@pytest.mark.parametrize(
    ("key", "value", "matches"),
    [
        ("PatientID", "P1", {"1.2.1"}),
        ("PatientID", "p1", set()),
        ("PatientName", "ROSSI*", {"1.2.1"}),
        ("PatientName", "*^?aria", {"1.2.1"}),
        ("PatientName", "Müller^Jörg", {"1.2.2"}),
        ("StudyDate", "20260101-20260131", {"1.2.1"}),
        ("StudyDate", "-20251231", {"1.2.2"}),
        ("AccessionNumber", "A?", {"1.2.1", "1.2.2"}),
        ("ModalitiesInStudy", "MR", {"1.2.2"}),
        ("StudyInstanceUID", ["1.2.1", "1.2.2", "1.2.3"], {"1.2.1", "1.2.2"}),
        ("StudyDescription", "", {"1.2.1", "1.2.2"}),
    ],
)
async def test_studies_are_found_by_the_rules_of_matching(
    network: Network, key: str, value: Any, matches: set[str]
) -> None:
    await have(
        network,
        small(1),
        small(1, 2, PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 100", StudyDate="20251224", Modality="MR"),
    )

    keys = {"SpecificCharacterSet": "ISO_IR 192", "StudyInstanceUID": "", key: value}
    status, found = await find(network, QueryRetrieveLevel="STUDY", **keys)

    assert status == SUCCESS
    assert {one.StudyInstanceUID for one in found} == matches


async def test_the_answer_has_what_was_asked_for_and_says_who_has_it(network: Network) -> None:
    await have(network, small(1), small(2))

    _, (found,) = await find(
        network,
        QueryRetrieveLevel="STUDY",
        PatientName="",
        StudyInstanceUID="1.2.1",
        NumberOfStudyRelatedInstances="",
        ModalitiesInStudy="",
        InstitutionalDepartmentName="",
        StudyDescription="",
    )

    assert {element.keyword: str(element.value) for element in found} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "QueryRetrieveLevel": "STUDY",
        "RetrieveAETitle": "DICOMGRAPH",
        "ModalitiesInStudy": "CT",
        "PatientName": "Rossi^Maria",
        "StudyInstanceUID": "1.2.1",
        "NumberOfStudyRelatedInstances": "2",
        "StudyDescription": "",
    }


async def test_patients_are_found_once_with_their_counts(network: Network) -> None:
    await have(network, small(1), small(1, 2, PatientID="P1"), small(1, 3))

    _, found = await find(
        network, PATIENT, QueryRetrieveLevel="PATIENT", PatientID="", NumberOfPatientRelatedStudies=""
    )

    assert {(one.PatientID, one.NumberOfPatientRelatedStudies) for one in found} == {("P1", 2), ("P3", 1)}


@pytest.mark.parametrize(
    ("level", "keys", "uids"),
    [
        ("SERIES", {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": ""}, ["1.2.1.0"]),
        ("SERIES", {"Modality": "MR", "SeriesInstanceUID": ""}, []),
        ("IMAGE", {"SeriesInstanceUID": "1.2.1.0", "SOPInstanceUID": ""}, ["1.2.1.1", "1.2.1.2"]),
        ("IMAGE", {"SOPInstanceUID": "1.2.1.2"}, ["1.2.1.2"]),
        ("IMAGE", {"SOPInstanceUID": "", "ImageComments": "second"}, ["1.2.1.2"]),
    ],
)
async def test_series_and_images_are_found(network: Network, level: str, keys: dict[str, str], uids: list[str]) -> None:
    await have(network, small(1), small(2, ImageComments="second"))

    status, found = await find(network, QueryRetrieveLevel=level, **keys)

    assert status == SUCCESS
    assert [one.SeriesInstanceUID if level == "SERIES" else one.SOPInstanceUID for one in found] == uids


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (STUDY, {"PatientID": "P1"}),
        (STUDY, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}),
        (PATIENT, {"QueryRetrieveLevel": "FILM"}),
        (STUDY, {"QueryRetrieveLevel": "STUDY", "Modality": "CT"}),
        (STUDY, {"QueryRetrieveLevel": "STUDY", "StudyDate": "yesterday"}),
        (STUDY, {"QueryRetrieveLevel": "STUDY", "NumberOfStudyRelatedInstances": "2"}),
    ],
)
async def test_an_identifier_that_the_model_does_not_allow_is_refused(
    network: Network, model: str, keys: dict[str, str]
) -> None:
    await have(network, small(1))

    assert await find(network, model, **keys) == (DOES_NOT_MATCH, [])


async def test_a_search_ends_when_it_is_cancelled(network: Network) -> None:
    await have(network, *(small(1, study) for study in range(1, 80)))

    def cancelled() -> list[int]:
        statuses = []
        with peer.associated(network.port, STUDY) as association:
            wanted = peer.dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="", PatientName="")
            for status, _ in association.send_c_find(wanted, STUDY, msg_id=7):
                statuses.append(int(status.Status))
                if len(statuses) == 1:
                    association.send_c_cancel(7, query_model=STUDY)
        return statuses

    statuses = await asyncio.to_thread(cancelled)

    assert statuses[-1] == CANCELLED
    assert len(statuses) < 79


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


@pytest.mark.parametrize("stored", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
@pytest.mark.parametrize("wanted", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
async def test_an_uncompressed_object_is_sent_in_the_encoding_that_the_receiver_takes(
    network: Network, stored: str, wanted: str
) -> None:
    file = wheel_file(stored).read_bytes()
    assert (await network.web.store(file)).status_code == 200
    (uid,) = await network.stored()
    found = (await network.web.search("/instances"))[0]
    contexts: dict[str, Sequence[str]] = {found["00080016"]["Value"][0]: [wanted]}
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve, network.port, receiver, contexts, QueryRetrieveLevel="IMAGE", SOPInstanceUID=uid
    )

    if wanted == ExplicitVRBigEndian and not stored.endswith(
        ("bigendian.dcm", "expb.dcm")
    ):  # retired: nothing is made into it
        assert counts(answers[-1][0]) == (0, 1, 0)
        return
    (received,) = receiver.received
    assert received.file_meta.TransferSyntaxUID == wanted
    assert received.SOPInstanceUID == uid
    assert received.pixel_array.sum() == dcmread(wheel_file(stored)).pixel_array.sum()


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


def move(port: int, destination: str, **keys: Any) -> list[tuple[Dataset, Dataset | None]]:
    with peer.associated(port, MOVE, ae_title="VIEWER") as association:
        return list(association.send_c_move(peer.dataset(**keys), destination, MOVE, msg_id=9))


STUDY_1 = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}


async def test_move_sends_to_a_peer_and_says_who_asked(data_dir: Path) -> None:
    receiver = Receiver()
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        await have(network, small(1), small(2))
        with receiver.listening(EXPLICIT):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert [one.SOPInstanceUID for one in receiver.received] == ["1.2.1.1", "1.2.1.2"]
    assert receiver.originators == [("VIEWER", 9), ("VIEWER", 9)]
    assert [status.Status for status, _ in answers] == [PENDING, PENDING, SUCCESS]
    assert counts(answers[-1][0]) == (2, 0, 0)


async def test_move_to_nobody_known_is_refused(network: Network) -> None:
    await have(network, small(1))

    answers = await asyncio.to_thread(move, network.port, "STRANGER", **STUDY_1)

    assert [status.Status for status, _ in answers] == [UNKNOWN_DESTINATION]


async def test_move_to_a_peer_that_does_not_listen_fails_as_a_whole(data_dir: Path) -> None:
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", Receiver().port)]) as network:
        await have(network, small(1), small(2))

        ((status, _),) = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert status.Status == NOT_PERFORMED
    assert counts(status) == (0, 2, 0)


async def test_a_destination_that_dies_midway_leaves_the_rest_failed(data_dir: Path) -> None:
    def die_at_the_second(event: evt.Event) -> int:
        if event.request.AffectedSOPInstanceUID == "1.2.1.2":  # type: ignore[union-attr]
            event.assoc.abort()
        return 0

    receiver = Receiver(die_at_the_second)
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        await have(network, *(small(number) for number in range(1, 5)))
        with receiver.listening(EXPLICIT):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

        status, identifier = answers[-1]
        assert status.Status == SOME_FAILED
        assert counts(status) == (1, 3, 0)
        assert identifier is not None
        assert list(identifier.FailedSOPInstanceUIDList) == ["1.2.1.2", "1.2.1.3", "1.2.1.4"]
        assert await network.stored() == {f"1.2.1.{number}" for number in range(1, 5)}


async def test_more_classes_than_one_association_has_contexts_are_sent_over_several(data_dir: Path) -> None:
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:60]]
    receiver = Receiver()
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        files = [small(number, SOPClassUID=one) for number, one in enumerate(classes, start=1)]
        assert (await network.web.store(*files)).status_code == 200
        with receiver.listening({one: [ImplicitVRLittleEndian] for one in classes}):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert answers[-1][0].Status == SUCCESS
    assert counts(answers[-1][0]) == (60, 0, 0)


@pytest.mark.parametrize("syntax", [JPEG2000])
async def test_a_compressed_object_is_sent_as_stored_to_those_who_take_it(network: Network, syntax: str) -> None:
    file = wheel_file("JPEG2000.dcm").read_bytes()
    assert (await network.web.store(file)).status_code == 200
    (uid,) = await network.stored()
    found = (await network.web.search("/instances"))[0]
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {found["00080016"]["Value"][0]: [syntax, ExplicitVRLittleEndian]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=uid,
    )

    assert counts(answers[-1][0]) == (1, 0, 0)
    assert receiver.received[0].file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("JPEG2000.dcm", ExplicitVRLittleEndian),
        ("MR_small_RLE.dcm", ExplicitVRLittleEndian),
        ("MR_small_jp2klossless.dcm", ExplicitVRLittleEndian),
        ("MR_small_jpeg_ls_lossless.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_gdcm.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_rle_2frame.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_small_odd_jpeg.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_dcmtk.dcm", ExplicitVRLittleEndian),
        ("rtdose_rle.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_rle_2frame.dcm", ImplicitVRLittleEndian),
    ],
)
async def test_a_compressed_object_is_decoded_for_a_receiver_that_takes_no_better(
    network: Network, name: str, wanted: str
) -> None:
    original = dcmread(wheel_file(name))
    await have(network, wheel_file(name).read_bytes())
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {str(original.SOPClassUID): [wanted]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=str(original.SOPInstanceUID),
    )

    assert counts(answers[-1][0]) == (1, 0, 0)
    (received,) = receiver.received
    assert received.file_meta.TransferSyntaxUID == wanted
    assert received.pixel_array.shape == original.pixel_array.shape
    assert np.abs(received.pixel_array.astype(int) - original.pixel_array.astype(int)).max() <= 3
    assert received.get("NumberOfFrames") == original.get("NumberOfFrames")


async def test_a_compressed_object_that_cannot_be_decoded_is_a_failed_suboperation(network: Network) -> None:
    original = dcmread(wheel_file("JPEG2000.dcm"))
    original.PixelData = encapsulate([b"no codestream at all" * 50])
    await have(network, encode(original))
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {str(original.SOPClassUID): [ExplicitVRLittleEndian]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=str(original.SOPInstanceUID),
    )

    assert answers[-1][0].Status == SOME_FAILED
    assert counts(answers[-1][0]) == (0, 1, 0)
