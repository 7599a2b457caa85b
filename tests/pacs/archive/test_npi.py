"""The Non-Patient Instance Service (PS3.18 ch. 12), over a real socket."""

from typing import Any

import httpx

from tests.pacs.archive.npi_samples import (
    EVERY_KIND,
    color_palette,
    hanging_protocol,
    procedure_protocol,
)
from tests.pacs.archive.samples import WHEEL, instance
from tests.pacs.archive.serving import Archive, stow_body

FAILED, STORED, UNIDENTIFIED = "00081198", "00081199", "0008119A"
UID, CLASS = "00080018", "00080016"


async def store(archive: Archive, path: str, *files: bytes) -> httpx.Response:
    content_type, body = stow_body(*files)
    return await archive.client.post(f"{archive.url}/{path}", content=body, headers={"content-type": content_type})


async def store_alone(archive: Archive, path: str, file: bytes) -> httpx.Response:
    headers = {"content-type": "application/dicom"}
    return await archive.client.post(f"{archive.url}/{path}", content=file, headers=headers)


def reasons(answer: httpx.Response, sequence: str = FAILED) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()[sequence]["Value"]]


def uids(found: list[Any]) -> list[str]:
    return [one[UID]["Value"][0] for one in found]


async def test_every_kind_is_stored_and_found_and_nothing_of_it_is_among_the_studies(archive: Archive) -> None:
    for name, files in EVERY_KIND.items():
        answer = await store(archive, name, *files)
        assert answer.status_code == 200, answer.text
        items = answer.json()[STORED]["Value"]
        assert len(items) == len(files)
        for item, one in zip(items, await archive.search(f"/{name}"), strict=True):
            uid = item["00081155"]["Value"][0]
            assert item["00081190"] == one["00081190"] == {"vr": "UR", "Value": [f"{archive.url}/{name}/{uid}"]}
            assert one[UID]["Value"] == [uid]
            assert one[CLASS]["Value"] == item["00081150"]["Value"]
    for level in ("/studies", "/series", "/instances"):
        assert await archive.search(level) == []


async def test_the_palettes_of_the_standard_are_color_palettes(archive: Archive) -> None:
    files = [path.read_bytes() for path in sorted(WHEEL.glob("palettes/*.dcm"))]
    assert (await store(archive, "color-palettes", *files)).status_code == 200
    found = await archive.search("/color-palettes", ContentLabel="*PET*")
    assert [one["00700080"]["Value"][0] for one in found] == ["PET", "PET_20_STEP"]


async def test_what_belongs_elsewhere_is_refused(archive: Archive) -> None:
    with_study = hanging_protocol(StudyInstanceUID="1.2.3.1", SeriesInstanceUID="1.2.3.1.1")
    for path, file, reason, sentence in [
        ("hanging-protocols", color_palette(), 0x0122, "the color palette is stored under /color-palettes"),
        ("hanging-protocols", instance(), 0x0122, "the object belongs to a patient"),
        ("studies", hanging_protocol(), 0x0122, "it is stored under /hanging-protocols"),
        ("studies/1.2.3.1", with_study, 0x0122, "the hanging protocol belongs to no study"),
        ("hanging-protocols/1.2.9", hanging_protocol(), 0x0110, "SOPInstanceUID is another than the URL's"),
    ]:
        answer = await store(archive, path, file)
        assert (answer.status_code, reasons(answer)) == (409, [reason]), path
        assert sentence in answer.headers["warning"]
    for resource in ("/studies", "/color-palettes", "/hanging-protocols"):
        assert await archive.search(resource) == []


async def test_what_is_right_is_stored_beside_what_is_not_and_the_answer_lists_both(archive: Archive) -> None:
    answer = await store(archive, "hanging-protocols", b"no object", hanging_protocol(), color_palette())
    assert answer.status_code == 200
    assert [item["00081155"]["Value"] for item in answer.json()[STORED]["Value"]] == [["1.2.5.2"]]
    assert (reasons(answer), reasons(answer, UNIDENTIFIED)) == ([0x0122], [0xC000])
    assert answer.headers["warning"].count("299 dicom-graph:") == 2


async def test_one_object_may_come_alone_and_at_its_own_url(archive: Archive) -> None:
    answer = await store_alone(archive, "hanging-protocols/1.2.5.2", hanging_protocol())
    assert answer.status_code == 200
    assert answer.json()["00081190"]["Value"] == [f"{archive.url}/hanging-protocols/1.2.5.2"]
    assert uids(await archive.search("/hanging-protocols")) == ["1.2.5.2"]


async def test_the_same_again_is_success_and_other_content_under_its_uid_is_not(archive: Archive) -> None:
    await store(archive, "hanging-protocols", hanging_protocol())
    assert (await store(archive, "hanging-protocols", hanging_protocol())).status_code == 200
    answer = await store(archive, "hanging-protocols", hanging_protocol(HangingProtocolName="OTHER"))
    assert (answer.status_code, reasons(answer)) == (409, [0x0111])
    found = await archive.search("/hanging-protocols")
    assert [one["00720002"]["Value"] for one in found] == [["CHEST2"]]


async def test_a_uid_is_one_objects_whether_of_a_patient_or_not(archive: Archive) -> None:
    await archive.store(instance(SOPInstanceUID="1.2.5.2"))
    answer = await store(archive, "hanging-protocols", hanging_protocol())
    assert (answer.status_code, reasons(answer)) == (409, [0x0111])
    await store(archive, "color-palettes", color_palette())
    answer = await archive.store(instance(SOPInstanceUID="1.2.5.1"))
    assert (answer.status_code, reasons(answer)) == (409, [0x0111])


async def test_bodies_and_urls_that_are_wrong_are_refused(archive: Archive) -> None:
    for path, content_type, status in [
        ("hanging-protocols", "application/dicom+json", 415),
        ("hanging-protocols", 'multipart/related; type="application/dicom+xml"; boundary=x', 415),
        ("hanging-protocols", "text/plain", 415),
        ("hanging-protocols", "application/dicom", 400),
        ("hanging-protocols/no-uid", "application/dicom", 400),
        ("wall-papers", "application/dicom", 404),
    ]:
        headers = {"content-type": content_type}
        answer = await archive.client.post(f"{archive.url}/{path}", content=b"--x", headers=headers)
        assert answer.status_code == status, (path, content_type)


SEARCHES: list[tuple[str, str, str, list[str]]] = [
    ("hanging-protocols", "HangingProtocolName", "CHEST?", ["1.2.5.2"]),
    ("hanging-protocols", "HangingProtocolName", "chest2", []),
    ("hanging-protocols", "HangingProtocolLevel", "SITE", ["1.2.5.2"]),
    ("hanging-protocols", "HangingProtocolUserGroupName", "", ["1.2.5.2"]),
    ("hanging-protocols", "NumberOfPriorsReferenced", "1", ["1.2.5.2"]),
    ("hanging-protocols", "HangingProtocolDefinitionSequence.Modality", "DX", ["1.2.5.2"]),
    ("hanging-protocols", "0072000C.00082218.00080100", "24136001", ["1.2.5.2"]),
    ("hanging-protocols", "SOPInstanceUID", "1.2.5.2,1.2.9", ["1.2.5.2"]),
    ("hanging-protocols", "SOPInstanceUID", "1.2.5.1", []),
    ("hanging-protocols", "PartialDataDisplayHandling", "*", ["1.2.5.2"]),
    ("hanging-protocols", "PartialDataDisplayHandling", "ADAPT*", []),
    ("color-palettes", "ContentCreatorName", "rossi*", ["1.2.5.1"]),
    ("defined-procedure-protocols", "ProtocolName", "Thorax*", ["1.2.5.3"]),
    ("defined-procedure-protocols", "ModelSpecificationSequence.Manufacturer", "Scanners*", ["1.2.5.3"]),
    ("defined-procedure-protocols", "InstanceCreationDate", "20260201-", []),
    ("implant-templates", "SOPClassUID", "1.2.840.10008.5.1.4.44.1", ["1.2.5.5"]),
    ("implant-templates", "Manufacturer", "Implants*", ["1.2.5.4", "1.2.5.5"]),
    ("implant-templates", "EffectiveDateTime", "20251231-20260131", ["1.2.5.4", "1.2.5.5", "1.2.5.6"]),
    ("implant-templates", "HPGLDocumentSequence.HPGLDocumentLabel", "Front", ["1.2.5.4"]),
    ("implant-templates", "ImplantTemplateGroupName", "Stems A", ["1.2.5.6"]),
    ("inventories", "InventoryLevel", "STUDY", ["1.2.5.7"]),
    ("protocol-approvals", "ApprovalSubjectSequence.ReferencedSOPInstanceUID", "1.2.5.3", ["1.2.5.8"]),
    ("protocol-approvals", "ApprovalSequence.AssertionDateTime", "20260131", ["1.2.5.8"]),
]


async def test_searches_match_as_those_of_studies_do(archive: Archive) -> None:
    for name, files in EVERY_KIND.items():
        await store(archive, name, *files)
    for name, key, value, found in SEARCHES:
        assert uids(await archive.search(f"/{name}", **{key: value})) == found, (name, key, value)


async def test_two_keys_of_a_sequence_match_in_one_item(archive: Archive) -> None:
    await store(archive, "hanging-protocols", hanging_protocol())
    sequence = "HangingProtocolDefinitionSequence"
    both = {f"{sequence}.Modality": "DX", f"{sequence}.Laterality": "L"}
    assert uids(await archive.search("/hanging-protocols", **both)) == ["1.2.5.2"]
    assert await archive.search("/hanging-protocols", **{**both, f"{sequence}.Modality": "CR"}) == []


async def test_a_creation_date_and_time_are_one_moment(archive: Archive) -> None:
    await store(archive, "defined-procedure-protocols", procedure_protocol())
    search = "/defined-procedure-protocols"
    within = {"InstanceCreationDate": "20260130-20260201", "InstanceCreationTime": "2000-0900"}
    assert uids(await archive.search(search, **within)) == ["1.2.5.3"]


async def test_searches_return_the_return_keys_and_what_is_asked_for(archive: Archive) -> None:
    await store(archive, "color-palettes", color_palette())
    (usual,) = await archive.search("/color-palettes")
    keys = {CLASS, UID, "00081190", "00700080", "00700081", "00700084"}
    assert set(usual) == keys
    (more,) = await archive.search("/color-palettes", includefield="RedPaletteColorLookupTableDescriptor")
    assert set(more) == {*keys, "00281101"}
    (every,) = await archive.search("/color-palettes", includefield="all")
    assert {*keys, "00281101", "00281201"} < set(every)
    assert every["00282000"]["BulkDataURI"] == f"{archive.url}/color-palettes/1.2.5.1/bulkdata/00282000"


async def test_pages_neither_overlap_nor_leave_anything_out(archive: Archive) -> None:
    files = [hanging_protocol(SOPInstanceUID=f"1.2.5.2.{number}", NumberOfScreens=number % 2) for number in range(10)]
    await store(archive, "hanging-protocols", *files)
    pages = [await archive.search("/hanging-protocols", limit=4, offset=start) for start in (0, 4, 8)]
    assert uids([one for page in pages for one in page]) == [f"1.2.5.2.{number}" for number in range(10)]
    odd = [await archive.search("/hanging-protocols", NumberOfScreens=1, limit=2, offset=start) for start in (0, 2, 4)]
    assert uids([one for page in odd for one in page]) == [f"1.2.5.2.{number}" for number in range(1, 10, 2)]


async def test_searches_that_make_no_sense_are_told_so(archive: Archive) -> None:
    for key, value in {"includefield": "x", "limit": "many", "EffectiveDateTime": "tomorrow"}.items():
        assert (await archive.get("/implant-templates", **{key: value})).status_code == 400, key
    answer = await archive.get("/implant-templates", fuzzymatching="true")
    assert answer.headers["warning"].startswith("299 dicom-graph: The fuzzymatching")
    assert (await archive.get("/implant-templates", accept="text/html")).status_code == 406


async def test_the_capabilities_tell_every_resource_with_its_transactions(archive: Archive) -> None:
    answer = await archive.client.request("OPTIONS", archive.url, headers={"accept": "application/json"})
    (top,) = answer.json()["application"]["resources"]
    told = {resource["path"]: resource for resource in top["resource"]}
    assert told.keys() >= EVERY_KIND.keys()
    for name in EVERY_KIND:
        (one,) = told[name]["resource"]
        assert [method["name"] for method in told[name]["method"]] == ["GET", "POST"]
        assert [method["name"] for method in one["method"]] == ["GET", "POST"]
        produced = {representation["mediaType"] for representation in one["method"][0]["response"][0]["representation"]}
        assert produced >= {
            "application/dicom",
            "application/dicom+json",
            'multipart/related; type="application/dicom+xml"',
        }
    answer = await archive.client.request("OPTIONS", f"{archive.url}/hanging-protocols/1.2.5.2")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
