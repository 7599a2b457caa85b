import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pydicom
import pytest

from pacs import multipart
from pacs.archive import dataset_bodies, search
from pacs.archive.index import Index
from pacs.archive.levels import Level
from pacs.archive.search_parameters import parse_search
from pacs.errors import BadQuery
from tests.pacs.archive.samples import dataset, encode, instance, wheel_file
from tests.pacs.archive.serving import Archive

STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"


async def fill(archive: Archive) -> None:
    """Two patients; of the first a CT study of two series, and an MR study; of the second an older CT study."""
    request = pydicom.Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "STEP1", "PROC1"
    first = dataset(
        SOPInstanceUID="1.1.1.1",
        SeriesInstanceUID="1.1.1",
        StudyInstanceUID="1.1",
        StudyDescription="Head",
        RequestAttributesSequence=[request],
        BodyPartExamined="HEAD",
    )
    answer = await archive.store(
        encode(first),
        instance(SOPInstanceUID="1.1.1.2", SeriesInstanceUID="1.1.1", StudyInstanceUID="1.1", InstanceNumber=10),
        instance(SOPInstanceUID="1.1.1.3", SeriesInstanceUID="1.1.1", StudyInstanceUID="1.1", InstanceNumber=9),
        instance(
            SOPInstanceUID="1.1.2.1", SeriesInstanceUID="1.1.2", StudyInstanceUID="1.1", SeriesNumber=2, Modality="SR"
        ),
        instance(
            SOPInstanceUID="1.2.1.1",
            SeriesInstanceUID="1.2.1",
            StudyInstanceUID="1.2",
            StudyDate="20260201",
            Modality="MR",
            AccessionNumber="A2",
        ),
        instance(
            SOPInstanceUID="1.3.1.1",
            SeriesInstanceUID="1.3.1",
            StudyInstanceUID="1.3",
            PatientID="P2",
            PatientName="Bianchi^Ugo",
            StudyDate="20250101",
            ReferringPhysicianName="House^Gregory",
        ),
    )
    assert answer.status_code == 200


def values(found: list[Any], tag: str) -> list[Any]:
    return [one[tag]["Value"][0] for one in found]


@pytest.mark.parametrize(
    ("key", "value", "studies"),
    [
        ("PatientID", "P1", ["1.2", "1.1"]),
        ("PatientID", "p1", []),
        ("PatientID", "P?", ["1.2", "1.1", "1.3"]),
        ("00100020", "P2", ["1.3"]),
        ("PatientName", "rossi*", ["1.2", "1.1"]),
        ("PatientName", "BIANCHI^UGO", ["1.3"]),
        ("ReferringPhysicianName", "house*", ["1.3"]),
        ("StudyInstanceUID", "1.3,1.1", ["1.1", "1.3"]),
        ("StudyDate", "20260201", ["1.2"]),
        ("StudyDate", "20260101-20260131", ["1.1"]),
        ("StudyDate", "-20251231", ["1.3"]),
        ("StudyTime", "1015", ["1.2", "1.1", "1.3"]),
        ("AccessionNumber", "A2", ["1.2"]),
        ("StudyID", "S1", ["1.2", "1.1", "1.3"]),
        ("StudyDescription", "*ea*", ["1.1"]),
        ("ModalitiesInStudy", "SR", ["1.1"]),
        ("ModalitiesInStudy", "MR,SR", ["1.2", "1.1"]),
        ("PatientSex", "F", []),
        ("PatientID", "", ["1.2", "1.1", "1.3"]),
    ],
)
async def test_studies_are_found_by_every_key_newest_first(
    archive: Archive, key: str, value: str, studies: list[str]
) -> None:
    await fill(archive)
    assert values(await archive.search("/studies", **{key: value}), STUDY_UID) == studies


@pytest.mark.parametrize(
    ("path", "key", "value", "uids"),
    [
        ("/series", "Modality", "SR", ["1.1.2"]),
        ("/series", "PatientID", "P1", ["1.2.1", "1.1.1", "1.1.2"]),
        ("/series", "SeriesNumber", "2", ["1.1.2"]),
        ("/series", "RequestAttributesSequence.ScheduledProcedureStepID", "STEP1", ["1.1.1"]),
        ("/series", "00400275.00401001", "PROC*", ["1.1.1"]),
        ("/series", "BodyPartExamined", "HEAD", ["1.1.1"]),
        ("/studies/1.1/series", "SeriesInstanceUID", "1.1.2", ["1.1.2"]),
        ("/studies/1.1/series", "StudyInstanceUID", "1.3", []),
        ("/studies/1.9/series", "Modality", "", []),
    ],
)
async def test_series_are_found_by_every_key(
    archive: Archive, path: str, key: str, value: str, uids: list[str]
) -> None:
    await fill(archive)
    assert values(await archive.search(path, **{key: value}), SERIES_UID) == uids


@pytest.mark.parametrize(
    ("path", "key", "value", "uids"),
    [
        ("/studies/1.1/series/1.1.1/instances", "InstanceNumber", "", ["1.1.1.1", "1.1.1.3", "1.1.1.2"]),
        ("/studies/1.1/instances", "InstanceNumber", "010", ["1.1.1.2"]),
        ("/instances", "SOPInstanceUID", "1.3.1.1,1.2.1.1", ["1.2.1.1", "1.3.1.1"]),
        ("/instances", "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2", ["1.2.1.1", "1.1.1.1", "1.1.1.3"]),
        ("/instances", "StudyDescription", "Head", ["1.1.1.1", "1.1.1.3", "1.1.1.2"]),
    ],
)
async def test_instances_are_found_in_order(archive: Archive, path: str, key: str, value: str, uids: list[str]) -> None:
    await fill(archive)
    assert values(await archive.search(path, **{key: value, "limit": 3}), SOP_UID) == uids


async def test_pages_neither_overlap_nor_leave_out(archive: Archive) -> None:
    await fill(archive)
    for extra in ({}, {"PatientSpeciesDescription": ""}, {"includefield": "all"}):
        pages = [await archive.search("/instances", limit=2, offset=offset, **extra) for offset in (0, 2, 4, 6)]
        assert [len(page) for page in pages] == [2, 2, 2, 0]
        assert len({uid for page in pages for uid in values(page, SOP_UID)}) == 6


async def test_a_page_beyond_everything_is_empty(archive: Archive) -> None:
    largest = 2**63 - 1
    assert await archive.search("/instances", PatientSpeciesDescription="x", limit=largest, offset=largest) == []


async def test_both_keys_of_a_request_match_in_one_item(archive: Archive) -> None:
    requests = [pydicom.Dataset(), pydicom.Dataset()]
    for number, request in enumerate(requests):
        request.ScheduledProcedureStepID, request.RequestedProcedureID = f"STEP{number}", f"PROC{number}"
    await archive.store(encode(dataset(RequestAttributesSequence=requests)))
    step, procedure = (
        f"RequestAttributesSequence.{name}ID" for name in ("ScheduledProcedureStep", "RequestedProcedure")
    )
    assert len(await archive.search("/series", **{step: "STEP1", procedure: "PROC1"})) == 1
    assert await archive.search("/series", **{step: "STEP1", procedure: "PROC0"}) == []


async def test_counts_modalities_and_asked_for_fields(archive: Archive) -> None:
    await fill(archive)
    (study,) = await archive.search("/studies", StudyInstanceUID="1.1", includefield="StudyDescription")
    assert study["00080061"]["Value"] == ["CT", "SR"]
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [4])
    assert study["00081030"]["Value"] == ["Head"]
    assert study["00081190"]["Value"] == [f"{archive.url}/studies/1.1"]
    assert list(study) == sorted(study)
    (series,) = await archive.search("/studies/1.1/series", SeriesNumber="1", includefield="00100020,BodyPartExamined")
    assert series["00201209"]["Value"] == [3]
    assert series["00100020"]["Value"] == ["P1"]
    assert series["00180015"]["Value"] == ["HEAD"]


async def test_a_study_is_updated_by_every_object_that_comes(archive: Archive) -> None:
    async def updated(path: str) -> str:
        found = await archive.search(path, StudyInstanceUID="1.1", includefield="StudyUpdateDateTime")
        (moment,) = {one["0008041F"]["Value"][0] for one in found}
        assert dt.datetime.strptime(moment, "%Y%m%d%H%M%S.%f%z") < dt.datetime.now(dt.UTC)
        return str(moment)

    await fill(archive)
    before = await updated("/studies")
    assert await updated("/series") == before
    await archive.store(instance(PatientID="P1", StudyInstanceUID="1.1", SOPInstanceUID="1.1.9"))
    assert await updated("/series") == await updated("/studies") > before
    assert (await archive.get("/studies", StudyUpdateDateTime=before)).status_code == 400


async def test_all_fields_are_those_of_the_level(archive: Archive) -> None:
    data = wheel_file("CT_small.dcm")
    await archive.store(data.read_bytes())
    (study,) = await archive.search("/studies", includefield="all")
    assert study["00081030"]["Value"] == ["e+1"]
    assert "00080070" not in study
    (found,) = await archive.search("/instances", includefield="all")
    assert found["00280010"]["Value"] == [128]
    assert found["00181151"]["Value"] == [170]
    (found,) = await archive.search("/instances", includefield="XRayTubeCurrent")
    assert found["00181151"]["Value"] == [170]


@pytest.mark.parametrize(
    "path",
    [
        "/studies?Modality=CT",
        "/studies?StudyDate=x",
        "/studies?limit=x",
        "/series?SOPInstanceUID=1.2",
    ],
)
async def test_a_search_that_cannot_be_done_says_why(archive: Archive, path: str) -> None:
    answer = await archive.client.get(archive.url + path)
    assert answer.status_code == 400
    assert len(answer.text) > 10


async def test_a_client_that_takes_neither_json_nor_xml_gets_406_and_fuzzy_matching_a_warning(archive: Archive) -> None:
    assert (await archive.get("/studies", "text/html")).status_code == 406
    answer = await archive.get("/studies", fuzzymatching="true")
    assert "The fuzzymatching parameter is not supported" in answer.headers["warning"]


FENCED = [
    (Level.STUDY, "PatientID=P1"),
    (Level.STUDY, "PatientID=P1&ModalitiesInStudy=CT"),
    (Level.STUDY, "PatientName=ROSSI*"),
    (Level.STUDY, "StudyDate=20260101-20260131"),
    (Level.STUDY, "AccessionNumber=A1"),
    (Level.STUDY, "StudyInstanceUID=1.2,1.3"),
    (Level.SERIES, "PatientID=P1"),
    (Level.SERIES, "PatientID=P1&StudyInstanceUID=1.2,1.3"),
    (Level.SERIES, "SeriesInstanceUID=1.2"),
    (Level.SERIES, "RequestAttributesSequence.ScheduledProcedureStepID=S1"),
    (Level.INSTANCE, "PatientID=P1"),
    (Level.INSTANCE, "StudyInstanceUID=1.2&SeriesInstanceUID=1.3"),
    (Level.INSTANCE, "SOPInstanceUID=1.2"),
]


@pytest.mark.parametrize(("level", "query"), FENCED)
def test_no_search_scans(tmp_path: Path, level: Level, query: str) -> None:
    index = Index(tmp_path)
    index.open()
    index.close()
    asked = search.statement(level, parse_search(query))
    database = sqlite3.connect(tmp_path / "index.sqlite")
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {asked.sql}", asked.parameters)]
    database.close()
    assert plan
    assert not [step for step in plan if step.startswith("SCAN")], plan


def test_the_newest_studies_are_read_off_their_index(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.open()
    index.close()
    database = sqlite3.connect(tmp_path / "index.sqlite")
    for level in Level:
        asked = search.statement(level, parse_search("limit=50"))
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {asked.sql}", asked.parameters)]
        assert not [step for step in plan if "TEMP B-TREE" in step], plan
    database.close()


def test_keys_of_a_lower_level_are_refused() -> None:
    with pytest.raises(BadQuery, match="search there"):
        search.statement(Level.STUDY, parse_search("SOPInstanceUID=1.2"))


@pytest.mark.parametrize("accept", ["application/dicom+json", 'multipart/related; type="application/dicom+xml"'])
async def test_an_answer_that_is_too_large_for_memory_is_the_same_from_a_file(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    await archive.store(*(instance(SOPInstanceUID=f"1.2.3.1.1.{number}") for number in range(1, 20)))
    monkeypatch.setattr(multipart, "new_boundary", lambda: "boundary")
    small = await archive.get("/instances", accept)
    monkeypatch.setattr(dataset_bodies, "MOST_IN_MEMORY_BYTES", 1000)
    large = await archive.get("/instances", accept)
    assert (small.status_code, large.status_code) == (200, 200)
    assert large.content == small.content
    assert large.headers["content-length"] == str(len(small.content))
    assert large.headers["content-type"] == small.headers["content-type"]
