"""Query on the DICOM network, against pynetdicom as the workstation."""

import asyncio
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from tests.pacs.archive.dimse import peer
from tests.pacs.archive.dimse.network import Network
from tests.pacs.archive.dimse.retrieving import CANCELLED, DOES_NOT_MATCH, SUCCESS, have, small

PATIENT, STUDY = PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind


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
