"""Offline media read by dcmtk: its dump, and its own maker of directories over the same files."""

import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pacs.media import media
from tests.pacs.thumbnail_files import WHEEL, wheel_file
from tests.real.required import need

HOW = "dcmtk is missing: apt-get install dcmtk"
STUDY = WHEEL / "dicomdirtests" / "98892003"
OTHERS = ("rtplan.dcm", "rtdose.dcm", "reportsi.dcm", "693_J2KI.dcm", "image_dfl.dcm", "examples_palette.dcm")


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def unzipped(paths: list[Path], folder: Path) -> Path:
    async def each() -> AsyncIterator[Path]:
        for path in paths:
            yield path

    target = folder / "study.zip"
    target.write_bytes(b"".join([chunk async for chunk in media(each())]))
    run("unzip", "-tq", target, folder=folder)
    medium = folder / "medium"
    zipfile.ZipFile(target).extractall(medium)
    return medium


@pytest.fixture
async def medium(tmp_path: Path) -> Path:
    need(shutil.which("dcmgpdir") and shutil.which("dcmdump") and shutil.which("unzip"), HOW)
    return await unzipped(sorted(path for path in STUDY.rglob("*") if path.is_file()), tmp_path)


async def test_dcmtk_reads_the_directory(medium: Path) -> None:
    told = run("dcmdump", "--load-short", "+L", "DICOMDIR", folder=medium)

    assert told.count("[PATIENT]") == 1
    assert told.count("[IMAGE]") == 17
    assert "W:" not in told
    assert "E:" not in told


async def test_dcmtk_makes_the_same_directory_of_our_files(medium: Path) -> None:
    ours = run("dcmdump", "-q", "+P", "ReferencedFileID", "+P", "DirectoryRecordType", "DICOMDIR", folder=medium)

    run("dcmgpdir", "-q", "+I", "+Nrs", "-Nxc", "+r", "+id", ".", "+D", "OTHERDIR", "DICOM", folder=medium)

    theirs = run("dcmdump", "-q", "+P", "ReferencedFileID", "+P", "DirectoryRecordType", "OTHERDIR", folder=medium)
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


async def test_dcmtk_can_add_to_our_directory(medium: Path, tmp_path: Path) -> None:
    shutil.copy(wheel_file("CT_small.dcm"), medium / "DICOM" / "EXTRA")

    run("dcmgpdir", "-q", "+I", "+Nrs", "-Nxc", "+A", "+D", "DICOMDIR", "DICOM/EXTRA", folder=medium)

    told = run("dcmdump", "-q", "+P", "ReferencedFileID", "DICOMDIR", folder=medium)
    assert len(told.splitlines()) == 18


async def test_dcmtk_reads_the_directory_of_any_objects(tmp_path: Path) -> None:
    need(shutil.which("dcmdump"), HOW)
    medium = await unzipped([wheel_file(name) for name in OTHERS], tmp_path)

    told = run("dcmdump", "DICOMDIR", folder=medium)

    assert told.count("ReferencedFileID") == len(OTHERS)
    assert "W:" not in told
    assert "E:" not in told
