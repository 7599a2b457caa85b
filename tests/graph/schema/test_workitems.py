"""The worklist through GraphQL, on the embedded PACS."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID

from pacs.address import PacsAddress
from pacs.attributes import JSONDataset
from pacs.dicomweb import DicomWeb
from tests.graph.api import Api
from tests.pacs.test_workitem import REFERENCE_ANSWER

CREATE = """mutation Create($input: CreateWorkitemInput!) { createWorkitem(input: $input) { workitem {
  workitemUID state studyInstanceUID patientID dicom } } }"""
LIST = """query List($patientID: String, $modality: String, $station: String, $on: DateRange, $first: Int! = 50,
                     $states: [WorkitemState!]! = [SCHEDULED, IN_PROGRESS], $after: String) {
  workitems(patientID: $patientID, modality: $modality, scheduledStationAETitle: $station, scheduledOn: $on,
            states: $states, first: $first, after: $after) {
    nodes { studyInstanceUID patientID state scheduledProcedureStepStartDate } totalCount
    edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
DELETE = "mutation Delete($uid: UID!) { deleteWorkitem(studyInstanceUID: $uid) { studyInstanceUID } }"

FULL: dict[str, Any] = {
    "patientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "scheduledStationAETitle": "NGV",
    "scheduledProcedureStepDescription": "Röntgen",
    "scheduledProcedureStepStartDate": "2026-03-05",
    "scheduledProcedureStepStartTime": "09:30:05",
    "modality": "CT",
    "accessionNumber": "NDS83JF784N209D2",
    "scheduledStationName": "Straße 3",
    "scheduledProcedureStepID": "SPS-1",
    "scheduledPerformingPhysicianName": "Müller^Jörg",
    "requestedProcedureID": "RP-7",
    "requestedProcedureDescription": "КТ головы",
    "requestingPhysician": "O'Neill^Siobhán",
    "referringPhysicianName": "Núñez^José",
    "admissionID": "ADM1",
    "serviceEpisodeID": "EP-9",
    "currentPatientLocation": "Ward 4",
    "patientBirthDate": "1961-02-28",
    "patientSex": "F",
    "confidentialityConstraintOnPatientDataDescription": "VIP",
    "patientState": "wheelchair",
    "pregnancyStatus": "POSSIBLY_PREGNANT",
    "medicalAlerts": ["Pacemaker", "造影剤"],
    "placerOrderNumberImagingServiceRequest": "PO-1",
}
NAMES = (
    "patientName",
    "scheduledPerformingPhysicianName",
    "requestingPhysician",
    "referringPhysicianName",
)


@pytest.fixture
async def web(archive_socket: Path) -> AsyncIterator[DicomWeb]:
    """A client of the embedded PACS."""
    web = DicomWeb(PacsAddress(url="http://embedded/dicom-web", socket=archive_socket, decodes_queries=True))
    yield web
    await web.aclose()


@pytest.fixture
def patient() -> str:
    """A patient of the test's own."""
    return f"P{secrets.token_hex(6)}"


def reference(patient: str, study: str | None) -> dict[str, Any]:
    """The reference's creation request, its own spellings of date and time included."""
    given = {
        "patientID": patient,
        "patientName": "MARIO^ROSSI",
        "scheduledStationAETitle": "NGV",
        "scheduledProcedureStepStartDate": "20000101",
        "scheduledProcedureStepStartTime": "120000",
        "scheduledProcedureStepDescription": "Tac",
        "modality": "CT",
        "accessionNumber": "NDS83JF784N209D2",
    }
    return given | ({"studyInstanceUID": study} if study else {})


async def create(api: Api, patient: str, **changes: Any) -> dict[str, Any]:
    data = await api.ask(CREATE, input=reference(patient, None) | changes)
    workitem: dict[str, Any] = data["createWorkitem"]["workitem"]
    return workitem


async def listed(api: Api, **wanted: Any) -> list[str]:
    return [one["studyInstanceUID"] for one in (await api.ask(LIST, **wanted))["workitems"]["nodes"]]


async def test_the_references_example_works_verbatim(api: Api) -> None:
    study = "1.2.752.24.5.2584605181.20150129083013.816906"
    created = (await api.ask(CREATE, input=reference("SDJ38WMD1MS01", study)))["createWorkitem"]["workitem"]

    answer = await api.ask('{ workitems(patientID: "SDJ38WMD1MS01") { nodes { dicom studyInstanceUID } } }')

    expected: JSONDataset = REFERENCE_ANSWER
    assert created["dicom"] == expected
    assert answer["workitems"]["nodes"] == [{"dicom": expected, "studyInstanceUID": study}]
    assert (await api.ask(DELETE, uid=study))["deleteWorkitem"] == {"studyInstanceUID": study}
    assert await listed(api, patientID="SDJ38WMD1MS01") == []


async def test_every_field_survives_the_round_trip(api: Api, patient: str) -> None:
    created = (await api.ask(CREATE, input=FULL | {"patientID": patient}))["createWorkitem"]["workitem"]
    fields = " ".join(f"{name} {{ alphabetic ideographic phonetic }}" if name in NAMES else name for name in FULL)

    query = f"query One($uid: UID!) {{ workitem(studyInstanceUID: $uid) {{ state workitemUID patientID {fields} }} }}"
    found = (await api.ask(query, uid=created["studyInstanceUID"]))["workitem"]

    names = {name: found.pop(name) for name in NAMES}
    plain = {name: value for name, value in FULL.items() if name not in NAMES}
    assert found == plain | {
        "patientID": patient,
        "state": "SCHEDULED",
        "workitemUID": created["workitemUID"],
    }
    assert names["patientName"] == {
        "alphabetic": "Yamada^Tarou",
        "ideographic": "山田^太郎",
        "phonetic": "やまだ^たろう",
    }
    assert all(names[name]["alphabetic"] == FULL[name] for name in NAMES[1:])


async def test_the_service_makes_the_study_uid(api: Api, patient: str) -> None:
    first, second = await create(api, patient), await create(api, patient)

    assert first["studyInstanceUID"] != second["studyInstanceUID"]
    assert first["studyInstanceUID"].startswith("2.25.")


async def test_a_study_is_scheduled_once(api: Api, patient: str) -> None:
    study = (await create(api, patient))["studyInstanceUID"]

    error = await api.error(CREATE, input=reference(patient, study))

    assert (error["code"], error["status"]) == ("CONFLICT", 409)


async def test_of_two_racing_requests_one_is_in_conflict(api: Api, patient: str) -> None:
    study = (await api.ask("mutation { generateUIDs { uids } }"))["generateUIDs"]["uids"][0]

    answers = await asyncio.gather(*(api.answer(CREATE, input=reference(patient, study)) for _ in range(8)))

    codes = sorted(answer["errors"][0]["extensions"]["code"] if "errors" in answer else "" for answer in answers)
    assert codes == [""] + ["CONFLICT"] * 7
    assert await listed(api, patientID=patient) == [study]


async def test_every_bad_field_is_named(api: Api, patient: str) -> None:
    bad = {"modality": "ct", "accessionNumber": "x" * 17, "scheduledStationAETitle": "Größe", "patientSex": "X"}

    error = await api.error(CREATE, input=reference(patient, None) | bad)

    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 400)
    assert sorted(error["fields"]) == sorted(bad)
    assert all(f"{name}: " in error["message"] for name in bad)
    assert await listed(api, patientID=patient) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"scheduledProcedureStepStartDate": "tomorrow"},
        {"scheduledProcedureStepStartTime": "noon"},
        {"studyInstanceUID": "1.2.x"},
        {"pregnancyStatus": "MAYBE"},
        {"patientID": None},
    ],
)
async def test_values_of_no_type_are_refused(api: Api, patient: str, changes: dict[str, Any]) -> None:
    assert (await api.error(CREATE, input=reference(patient, None) | changes))["status"] == 400


async def test_a_withdrawn_workitem_is_gone_and_can_be_scheduled_again(api: Api, patient: str) -> None:
    study = (await create(api, patient))["studyInstanceUID"]

    await api.ask(DELETE, uid=study)

    assert await listed(api, patientID=patient) == []
    assert await listed(api, patientID=patient, states=["CANCELED"]) == [study]
    assert (await api.error(DELETE, uid=study))["code"] == "NOT_FOUND"
    await api.ask(CREATE, input=reference(patient, study))
    assert await listed(api, patientID=patient) == [study]


async def test_what_is_in_progress_is_not_withdrawn(api: Api, patient: str, archive_socket: Path) -> None:
    created = await create(api, patient)
    state = {
        "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]},
        "00081195": {"vr": "UI", "Value": ["2.25.100"]},
    }
    transport = httpx.AsyncHTTPTransport(uds=str(archive_socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://embedded/dicom-web") as modality:
        moved = await modality.put(
            f"/workitems/{created['workitemUID']}/state",
            json=state,
            headers={"Content-Type": "application/dicom+json"},
        )
    assert moved.status_code == 200

    error = await api.error(DELETE, uid=created["studyInstanceUID"])

    assert error["code"] == "CONFLICT"
    assert "in progress" in error["message"]


async def test_filters(api: Api, patient: str) -> None:
    early = await create(api, patient, scheduledProcedureStepStartDate="2026-03-01")
    late = await create(
        api, patient, scheduledProcedureStepStartDate="2026-03-09", modality="MR", scheduledStationAETitle="MR1"
    )
    first, last = early["studyInstanceUID"], late["studyInstanceUID"]

    assert await listed(api, patientID=patient) == [last, first]
    assert await listed(api, patientID=patient, modality="MR") == [last]
    assert await listed(api, patientID=patient, station="NGV") == [first]
    assert await listed(api, patientID=patient, on={"from": "2026-03-01", "to": "2026-03-01"}) == [first]
    assert await listed(api, patientID=patient, on={"from": "2026-03-02"}) == [last]
    assert await listed(api, patientID=patient, states=["COMPLETED"]) == []
    assert await listed(api, patientID=patient.lower()) == []
    assert await listed(api, patientID=patient[:3] + "*") == []


async def test_pages(api: Api, patient: str) -> None:
    made = [(await create(api, patient))["studyInstanceUID"] for _ in range(5)]
    seen: list[str] = []
    after = None
    while True:
        page = (await api.ask(LIST, patientID=patient, first=2, after=after))["workitems"]
        seen += [node["studyInstanceUID"] for node in page["nodes"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(
    "wanted",
    [{"first": 0}, {"after": "nonsense"}, {"patientID": ""}, {"on": {"from": "2026-02-02", "to": "2026-02-01"}}],
)
async def test_lists_that_cannot_be_asked_for(api: Api, wanted: dict[str, Any]) -> None:
    assert (await api.error(LIST, **wanted))["code"] == "BAD_USER_INPUT"


async def test_an_unknown_workitem_is_null(api: Api) -> None:
    assert (await api.ask('{ workitem(studyInstanceUID: "1.2.3.999") { state } }'))["workitem"] is None


@pytest.mark.parametrize("by", ["StudyInstanceUID", "AccessionNumber"])
async def test_the_exam_of_a_workitem(api: Api, patient: str, by: str) -> None:
    accession = f"A{secrets.token_hex(6)}"
    created = await create(api, patient, accessionNumber=accession)
    uid = created["studyInstanceUID"]
    query = "query One($uid: UID!) { workitem(studyInstanceUID: $uid) { study { studyInstanceUID patientID } } }"
    assert (await api.ask(query, uid=uid))["workitem"] == {"study": None}

    exam = dcmread(str(get_testdata_file("CT_small.dcm")))
    exam.PatientID = patient
    exam.SOPInstanceUID = exam.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{secrets.randbits(100)}")
    exam.SeriesInstanceUID = f"2.25.{secrets.randbits(100)}"
    study: str = uid if by == "StudyInstanceUID" else f"2.25.{secrets.randbits(100)}"
    exam.StudyInstanceUID = UID(study)
    exam.AccessionNumber = accession if by == "AccessionNumber" else "OTHER"
    content = DicomBytesIO()
    exam.save_as(content)
    (result,) = await api.upload(content.getvalue())
    assert result["error"] is None

    found = (await api.ask(query, uid=uid))["workitem"]["study"]

    assert found == {"studyInstanceUID": study, "patientID": patient}
