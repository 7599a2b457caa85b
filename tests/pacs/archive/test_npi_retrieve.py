"""Retrieval of Non-Patient Instances (PS3.18 §12.4), and what becomes of them between starts."""

import io
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pydicom
import pydicom.uid

from pacs.archive.options import ArchiveOptions
from pacs.archive.verify import verify
from pacs.attributes import tag
from tests.pacs.archive.npi_samples import EVERY_KIND, color_palette, hanging_protocol, implant_template
from tests.pacs.archive.samples import encode, instance
from tests.pacs.archive.serving import Archive, parts_of, running, stow_body

FILE = 'multipart/related; type="application/dicom"'
XML = 'multipart/related; type="application/dicom+xml"'


async def store(archive: Archive, path: str, *files: bytes) -> None:
    content_type, body = stow_body(*files)
    answer = await archive.client.post(f"{archive.url}/{path}", content=body, headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text


async def test_every_kind_comes_back_as_a_file_byte_by_byte_and_as_json(archive: Archive) -> None:
    for name, files in EVERY_KIND.items():
        await store(archive, name, *files)
        for file in files:
            read = pydicom.dcmread(io.BytesIO(file))
            url = f"/{name}/{read.SOPInstanceUID}"
            alone = await archive.get(url, "application/dicom")
            assert alone.content == file
            assert alone.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
            assert await parts_of(await archive.get(url, FILE)) == [file]
            (found,) = (await archive.get(url, "application/dicom+json")).json()
            assert pydicom.Dataset.from_json(found, lambda *_: b"").keys() == read.keys()


async def test_the_best_of_what_is_accepted_is_sent(archive: Archive) -> None:
    await store(archive, "hanging-protocols", hanging_protocol())
    for accept, content_type in {
        None: "application/dicom+json",
        "*/*": "application/dicom+json",
        "application/json": "application/dicom+json",
        "multipart/related": "multipart/related;",
        "application/dicom+json; q=0.5, application/dicom": "application/dicom;",
        "text/html, application/dicom; q=0.1": "application/dicom;",
    }.items():
        answer = await archive.get("/hanging-protocols/1.2.5.2", accept)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(content_type), accept


async def test_what_is_not_there_or_not_offered_is_told(archive: Archive) -> None:
    await store(archive, "hanging-protocols", hanging_protocol())
    for path, accept, status in [
        ("hanging-protocols/1.2.9", "*/*", 404),
        ("color-palettes/1.2.5.2", "application/dicom", 404),
        ("wall-papers/1.2.5.2", "*/*", 404),
        ("hanging-protocols/one", "*/*", 400),
        ("hanging-protocols/1.2.5.2", "image/jpeg", 406),
        ("hanging-protocols/1.2.5.2", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", 406),
        ("hanging-protocols/1.2.5.2/bulkdata/00282000", "*/*", 404),
    ]:
        assert (await archive.get(f"/{path}", accept)).status_code == status, (path, accept)


async def test_long_values_are_had_where_the_json_says(archive: Archive) -> None:
    await store(archive, "color-palettes", color_palette())
    await store(archive, "implant-templates", implant_template())
    (palette,) = (await archive.get("/color-palettes/1.2.5.1")).json()
    profile = await archive.client.get(palette["00282000"]["BulkDataURI"], headers={"accept": "*/*"})
    assert await parts_of(profile) == [b"\0" * 3144]
    (template,) = (await archive.get("/implant-templates/1.2.5.4")).json()
    (drawing,) = template[tag("HPGLDocumentSequence")]["Value"]
    octets = {"accept": "application/octet-stream"}
    assert (
        await archive.client.get(drawing[tag("HPGLDocument")]["BulkDataURI"], headers=octets)
    ).content == b"IN;SP1;" * 500


async def test_an_object_in_implicit_vr_goes_out_in_explicit(archive: Archive) -> None:
    made = pydicom.dcmread(io.BytesIO(hanging_protocol()))
    made.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    await store(archive, "hanging-protocols", encode(made))
    got = pydicom.dcmread(io.BytesIO((await archive.get("/hanging-protocols/1.2.5.2", "application/dicom")).content))
    assert got.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert got == pydicom.dcmread(io.BytesIO(hanging_protocol()))


async def test_a_file_that_is_gone_is_told_before_the_answer_begins(archive: Archive, data_dir: Path) -> None:
    await store(archive, "color-palettes", color_palette())
    next((data_dir / "files").rglob("1.2.5.1.dcm")).unlink()
    assert (await archive.get("/color-palettes/1.2.5.1", "application/dicom")).status_code == 500
    assert (await archive.get("/color-palettes/1.2.5.1/bulkdata/00282000")).status_code == 500
    assert (await archive.get("/color-palettes/1.2.5.1")).status_code == 200


async def test_all_is_there_after_a_restart_and_the_check_covers_it(tmp_path: Path) -> None:
    options = ArchiveOptions(data_dir=tmp_path)
    async with running(options) as archive:
        for name, files in EVERY_KIND.items():
            await store(archive, name, *files)
        await archive.store(instance())
    report = verify(tmp_path)
    assert (report.instances, report.is_clean) == (9, True)
    async with running(options) as archive:
        for name, files in EVERY_KIND.items():
            assert len(await archive.search(f"/{name}")) == len(files)
        assert (await archive.get("/hanging-protocols/1.2.5.2", "application/dicom")).content == hanging_protocol()
    (palette,) = (tmp_path / "files").rglob("1.2.5.1.dcm")
    palette.write_bytes(palette.read_bytes()[:-1] + b"x")
    (protocol,) = (tmp_path / "files").rglob("1.2.5.2.dcm")
    protocol.rename(protocol.with_name("1.2.5.99.dcm"))
    report = verify(tmp_path)
    assert [Path(name).name for name in report.damaged] == ["1.2.5.1.dcm"]
    assert [Path(name).name for name in report.missing] == ["1.2.5.2.dcm"]
    assert [Path(name).name for name in report.unknown] == ["1.2.5.99.dcm"]


async def test_a_start_after_a_crash_keeps_what_the_index_knows_and_removes_the_rest(tmp_path: Path) -> None:
    options = ArchiveOptions(data_dir=tmp_path)
    async with running(options) as archive:
        await store(archive, "color-palettes", color_palette())
    (kept,) = (tmp_path / "files").rglob("*.dcm")
    lost = kept.with_name("1.2.5.99.dcm")
    lost.write_bytes(color_palette(SOPInstanceUID="1.2.5.99"))
    relative = [str(path.relative_to(tmp_path)) for path in (kept, lost)]
    (tmp_path / "intents" / "0").write_text("\n".join(relative) + "\n")
    async with running(options) as archive:
        assert len(await archive.search("/color-palettes")) == 1
    assert (kept.exists(), lost.exists()) == (True, False)
    assert verify(tmp_path).is_clean


async def test_an_index_of_the_version_before_is_brought_up_to_date(tmp_path: Path) -> None:
    options = ArchiveOptions(data_dir=tmp_path)
    async with running(options) as archive:
        await archive.store(instance())
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.executescript("DROP VIEW stored_files; DROP TABLE non_patient_instances; PRAGMA user_version = 1;")
    connection.close()
    async with running(options) as archive:
        await store(archive, "color-palettes", color_palette())
        assert len(await archive.search("/instances")) == len(await archive.search("/color-palettes")) == 1
    assert verify(tmp_path).is_clean


async def test_deleting_is_off_unless_allowed_and_takes_the_file_too(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path)) as archive:
        await store(archive, "color-palettes", color_palette())
        assert (await archive.client.delete(f"{archive.url}/color-palettes/1.2.5.1")).status_code == 403
    async with running(ArchiveOptions(data_dir=tmp_path, allow_delete=True)) as archive:
        assert (await archive.client.delete(f"{archive.url}/hanging-protocols/1.2.5.1")).status_code == 404
        assert (await archive.client.delete(f"{archive.url}/color-palettes/1.2.5.1")).status_code == 204
        assert (await archive.get("/color-palettes/1.2.5.1")).status_code == 404
        assert await archive.search("/color-palettes") == []
        await store(archive, "color-palettes", color_palette(ContentLabel="NEW"))
    assert verify(tmp_path).is_clean


async def test_datasets_are_had_in_xml(archive: Archive) -> None:
    await store(archive, "hanging-protocols", hanging_protocol())
    for path in ("/hanging-protocols", "/hanging-protocols/1.2.5.2"):
        answer = await archive.get(path, f"{XML}, application/dicom+json; q=0.5")
        assert answer.headers["content-type"].startswith(f"{XML}; boundary=")
        (part,) = await parts_of(answer)
        told = {one.get("keyword"): one for one in ElementTree.fromstring(part)}
        assert told["HangingProtocolName"][0].text == "CHEST2"
        assert len(told["HangingProtocolDefinitionSequence"]) == 2
    assert (await archive.get("/hanging-protocols", XML, HangingProtocolName="NONE")).status_code == 204
    assert (await archive.get("/hanging-protocols", "application/dicom+xml")).status_code == 406
