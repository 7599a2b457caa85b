"""A study as offline media: a zip that is made while it is sent."""

import io
import re
import warnings
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    RTDoseStorage,
    RTPlanStorage,
)

from pacs.errors import InvalidDicom, NotFound
from pacs.media import media
from pacs.uids import new_uid
from tests.pacs.thumbnail_files import dataset, image_dataset, save, wheel_file

FILE_ID = re.compile(r"[A-Z0-9_]{1,8}(/[A-Z0-9_]{1,8}){0,7}")


async def each(*paths: Path) -> AsyncIterator[Path]:
    for path in paths:
        yield path


async def zipped(*paths: Path, deflate: bool = False) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join([chunk async for chunk in media(each(*paths), deflate=deflate)])))


def file_set(archive: zipfile.ZipFile, folder: Path) -> FileSet:
    archive.extractall(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydicom warns of every record that does not fit
        found = FileSet(folder / "DICOMDIR")
    found._stage["t"].cleanup()  # pydicom leaves its temporary folder to the garbage collector, which complains
    return found


def study(folder: Path, series: int, instances: int) -> list[Path]:
    study_uid = new_uid()
    paths: list[Path] = []
    for _ in range(series):
        series_uid = new_uid()
        for _ in range(instances):
            made = image_dataset(np.zeros((8, 8), "u1"), StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid)
            made.PatientName, made.SpecificCharacterSet = "Müller^Jörg", "ISO_IR 192"
            paths.append(save(made, folder / f"{len(paths)}.dcm"))
    return paths


async def test_the_directory_leads_to_every_file_unchanged(tmp_path: Path) -> None:
    paths = study(tmp_path, series=3, instances=4)

    archive = await zipped(*paths)

    assert archive.testzip() is None
    found = file_set(archive, tmp_path / "medium")
    assert {(tmp_path / "medium" / instance.path).read_bytes() for instance in found} == {
        path.read_bytes() for path in paths
    }
    assert len(found.find_values("SeriesInstanceUID")) == 3
    assert found.find_values("PatientID") == ["P"]
    assert str(found.find_values("PatientName")[0]) == "Müller^Jörg"


async def test_names_are_those_of_the_standard_and_tell_nothing_of_the_patient(tmp_path: Path) -> None:
    archive = await zipped(*study(tmp_path, series=2, instances=2))

    names = archive.namelist()
    assert names[-1] == "DICOMDIR"
    assert [name for name in names if not FILE_ID.fullmatch(name)] == []
    assert names[:-1] == [f"DICOM/S{series:07}/I{number:07}" for series in (1, 2) for number in (1, 2)]


async def test_what_records_need_and_instances_lack_is_made_up(tmp_path: Path) -> None:
    bare = dataset()
    del bare.PatientID
    path = save(bare, tmp_path / "bare.dcm")

    [instance] = file_set(await zipped(path), tmp_path / "medium")

    assert (instance.PatientID, instance.StudyID, instance.StudyDate) == ("UNKNOWN", "1", "19000101")
    assert (instance.Modality, instance.SeriesNumber, instance.InstanceNumber) == ("OT", 1, 1)


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        (RTDoseStorage, "RT DOSE"),
        (GrayscaleSoftcopyPresentationStateStorage, "PRESENTATION"),
        (BasicTextSRStorage, "RAW DATA"),  # without its title, which nobody can make up
        (RTPlanStorage, "RT PLAN"),
    ],
)
async def test_every_kind_of_object_gets_a_record(tmp_path: Path, sop_class: str, kind: str) -> None:
    path = save(dataset(SOPClassUID=sop_class), tmp_path / "object.dcm")

    [instance] = file_set(await zipped(path), tmp_path / "medium")

    assert instance.DirectoryRecordType == kind
    assert sop_class == instance.ReferencedSOPClassUIDInFile


async def test_a_report_gets_the_record_of_a_report_and_not_its_content(tmp_path: Path) -> None:
    [instance] = file_set(await zipped(wheel_file("reportsi.dcm")), tmp_path / "medium")

    assert instance.DirectoryRecordType == "SR DOCUMENT"
    assert "ConceptNameCodeSequence" in instance
    assert (tmp_path / "medium" / "DICOMDIR").stat().st_size < 3000


async def test_a_document_is_no_part_of_the_directory(tmp_path: Path) -> None:
    made = dataset(SOPClassUID=EncapsulatedPDFStorage, EncapsulatedDocument=b"%PDF-1.4 " * 100_000)
    path = save(made, tmp_path / "document.dcm")

    [instance] = file_set(await zipped(path), tmp_path / "medium")

    assert instance.DirectoryRecordType == "ENCAP DOC"
    assert (tmp_path / "medium" / "DICOMDIR").stat().st_size < 3000


async def test_a_file_is_no_longer_needed_when_the_next_is_asked_for(tmp_path: Path) -> None:
    paths = study(tmp_path, series=1, instances=5)

    async def one_at_a_time() -> AsyncIterator[Path]:
        for path in paths:
            spool = tmp_path / "spool.dcm"
            spool.write_bytes(path.read_bytes())
            yield spool
            spool.unlink()

    content = b"".join([chunk async for chunk in media(one_at_a_time())])

    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 6


async def test_chunks_stay_small_however_large_the_instance(tmp_path: Path) -> None:
    path = save(image_dataset(np.zeros((4000, 4000), "u2")), tmp_path / "large.dcm")

    sizes = [len(chunk) async for chunk in media(each(path))]

    assert sum(sizes) > 32_000_000
    assert max(sizes) < 1_200_000


async def test_instances_can_be_compressed(tmp_path: Path) -> None:
    path = save(image_dataset(np.zeros((500, 500), "u2")), tmp_path / "empty.dcm")

    archive = await zipped(path, deflate=True)

    assert archive.infolist()[0].compress_size < 50_000
    assert archive.read(archive.infolist()[0]) == path.read_bytes()


async def test_deflated_instances_are_entered_and_kept_as_they_are(tmp_path: Path) -> None:
    made = image_dataset(np.zeros((8, 8), "u1"), TransferSyntaxUID=DeflatedExplicitVRLittleEndian, InstanceNumber=7)
    path = save(made, tmp_path / "deflated.dcm")

    [instance] = file_set(await zipped(path), tmp_path / "medium")

    assert instance.InstanceNumber == 7
    assert instance.ReferencedTransferSyntaxUIDInFile == DeflatedExplicitVRLittleEndian


async def test_a_study_without_instances_is_not_found_before_anything_is_sent() -> None:
    with pytest.raises(NotFound):
        await anext(media(each()))


async def test_a_file_that_is_no_dicom_leaves_no_zip_that_looks_whole(tmp_path: Path) -> None:
    good = study(tmp_path, series=1, instances=1)[0]
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"hello" * 100)
    sent = bytearray()

    async def send() -> None:
        async for chunk in media(each(good, bad)):
            sent.extend(chunk)

    with pytest.raises(InvalidDicom):
        await send()

    assert sent
    assert not zipfile.is_zipfile(io.BytesIO(sent))


async def test_thousands_of_instances_need_seconds_not_minutes(tmp_path: Path) -> None:
    from pacs.dicomdir import Directory

    directory = Directory()
    template = dcmread(study(tmp_path, series=1, instances=1)[0])
    for number in range(1500):
        template.SOPInstanceUID = f"1.2.3.{number}"
        directory.add(template, ("DICOM", "S0000001", f"I{number:07}"), number + 1)

    assert len(directory.encoded()) < 1500 * 600
