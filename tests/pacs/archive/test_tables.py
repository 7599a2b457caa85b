"""Searches for instances in tables: the same as in DICOM JSON, but no attributes that were not asked for."""

from collections import defaultdict
from typing import Any

import pytest

from pacs.attributes import JSONDataset, tag
from pacs.table_json import MEDIA_TYPE, read
from pacs.tables import Table
from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import Archive
from tests.pacs.archive.test_qido import fill

FIELDS = [
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber"),
    *("NumberOfFrames", "Rows", "Columns", "PatientName", "ImageType", "WindowCenter", "SpecificCharacterSet"),
    *("NumberOfStudyRelatedInstances", "ModalitiesInStudy", "RequestAttributesSequence", "StudyDescription"),
]
PLACE = tag("StudyInstanceUID"), tag("SeriesInstanceUID")


async def tables(archive: Archive, path: str, **parameters: Any) -> list[Table]:
    answer = await archive.get(path, MEDIA_TYPE, **parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE), answer.text
    return read(answer.json())


def places(rows: list[JSONDataset]) -> dict[tuple[str, ...], list[JSONDataset]]:
    """Rows by study and series, with what was asked for alone."""
    wanted = {tag(keyword) for keyword in FIELDS}
    found: dict[tuple[str, ...], list[JSONDataset]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name]["Value"][0] for name in PLACE)].append({k: v for k, v in row.items() if k in wanted})
    return found


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/instances", {}),
        ("/instances", {"PatientID": "P1"}),
        ("/instances", {"SeriesInstanceUID": "1.1.1,1.3.1"}),
        ("/instances", {"limit": 2, "offset": 1}),
        ("/instances", {"PatientID": "nobody"}),
        ("/instances", {"StudyDescription": "Head", "ImageType": "ORIGINAL"}),
        ("/studies/1.1/instances", {}),
        ("/studies/1.1/series/1.1.1/instances", {"InstanceNumber": ""}),
    ],
)
async def test_tables_have_what_a_search_finds(archive: Archive, path: str, parameters: dict[str, Any]) -> None:
    await fill(archive)
    await archive.store(*(wheel_file(name).read_bytes() for name in ("CT_small.dcm", "MR_small.dcm", "rtdose_rle.dcm")))
    parameters |= {"includefield": FIELDS}
    found = await archive.search(path, **parameters)
    assert {
        tuple(table.same[name]["Value"][0] for name in PLACE): [row.json for row in table]
        for table in await tables(archive, path, **parameters)
    } == places(found)


async def test_an_attribute_that_some_instances_have_is_theirs_alone(archive: Archive) -> None:
    place = {"StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.1"}
    await archive.store(
        instance(SOPInstanceUID="1.1.1.1", InstanceNumber=1, **place),
        instance(SOPInstanceUID="1.1.1.2", InstanceNumber=2, NumberOfFrames=3, **place),
    )
    (table,) = await tables(archive, "/instances", includefield=["NumberOfFrames", "InstanceNumber"])
    frames, number = tag("NumberOfFrames"), tag("InstanceNumber")
    assert [row.json.get(frames) for row in table] == [None, {"vr": "IS", "Value": [3]}]
    assert table.each == {number: {"vr": "IS", "Value": [1, 2]}}
    assert set(table.same) == set()


async def test_what_the_archive_knows_of_a_series_is_the_same_whatever_its_files_say(archive: Archive) -> None:
    odd = {"NumberOfStudyRelatedInstances": 77, "InstanceAvailability": "OFFLINE", "NumberOfSeriesRelatedInstances": 5}
    place = {"StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.1"}
    for number, patient_id in enumerate(("P1", "P1 ", "P1\0")):
        await archive.store(instance(SOPInstanceUID=f"1.1.1.{number}", PatientID=patient_id, **place, **odd))
    (table,) = await tables(
        archive, "/instances", PatientID="P1", includefield=["SOPInstanceUID", "ImageType", *place, *odd]
    )
    told = {name: table.shared.text(name) for name in ("PatientID", *place, *odd)}
    assert told == {
        "PatientID": "P1",
        **place,
        "NumberOfStudyRelatedInstances": "3",
        "InstanceAvailability": "ONLINE",
        "NumberOfSeriesRelatedInstances": "3",
    }


async def test_all_attributes_are_in_no_table(archive: Archive) -> None:
    answer = await archive.get("/instances", MEDIA_TYPE, includefield="all")
    assert answer.status_code == 400
    assert "tables" in answer.text


@pytest.mark.parametrize(
    ("accept", "status", "content_type"),
    [
        ("*/*", 200, "application/dicom+json"),
        ("application/*", 200, "application/dicom+json"),
        (f"application/dicom+json, {MEDIA_TYPE};q=0.5", 200, "application/dicom+json"),
        (f"application/dicom+json;q=0.5, {MEDIA_TYPE}", 200, MEDIA_TYPE),
        (f"{MEDIA_TYPE};q=0, application/dicom+json", 200, "application/dicom+json"),
        (f"{MEDIA_TYPE};q=0", 406, "text/plain"),
    ],
)
async def test_tables_are_for_who_asks_for_them(archive: Archive, accept: str, status: int, content_type: str) -> None:
    await fill(archive)
    answer = await archive.get("/instances", accept)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)


@pytest.mark.parametrize("path", ["/studies", "/series", "/studies/1.1/series"])
async def test_there_are_tables_of_instances_alone(archive: Archive, path: str) -> None:
    assert (await archive.get(path, MEDIA_TYPE)).status_code == 406
