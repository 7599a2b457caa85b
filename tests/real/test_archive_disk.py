"""The embedded PACS on a file system that really fills up, and on one that really closes itself for writing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.uid import CTImageStorage

from pacs.archive.faults import FULL, NOT_WRITABLE
from pacs.archive.verify import verify
from tests.pacs.archive.dimse.network import send
from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import stow_body
from tests.pacs.archive.ups_server import JSON, ups
from tests.real.archive import ArchiveProcess
from tests.real.disks import Ext4, filled, memory_disk

OUT_OF_RESOURCES = 0xA700
PICTURE = wheel_file("CT_small.dcm").read_bytes()


class Client:
    """Does of everything that there is, and says how it went."""

    def __init__(self, archive: ArchiveProcess) -> None:
        self._archive = archive
        self._number = 0

    def store(self, *files: bytes) -> httpx.Response:
        content_type, body = stow_body(*files)
        return self._post("/studies", body, {"content-type": content_type})

    def new(self, size: int = 100_000) -> bytes:
        self._number += 1
        return instance(SOPInstanceUID=f"1.2.3.1.1.{self._number}", TextValue="x" * size)

    def writes(self) -> list[int]:
        """Statuses of: a store, a store over the DICOM network, a workitem, a commitment, a deletion."""
        self._number += 1
        uid = f"2.25.{self._number}"
        asked = {"00081199": {"vr": "SQ", "Value": [_reference(uid)] * 300}}
        workitem = ups() | {"00104000": {"vr": "LT", "Value": ["x" * 10_000]}}
        return [
            self.store(self.new()).status_code,
            self._store_by_dimse(),
            self._post(f"/workitems?{uid}", None, JSON, json=workitem).status_code,
            self._post(f"/commitment-requests/{uid}", None, JSON, json=asked).status_code,
            httpx.delete(f"{self._archive.url}/studies/{self._study_to_delete}", timeout=30).status_code,
        ]

    def reads(self) -> list[int]:
        """Statuses of: a search, a study, its metadata, its picture, the worklist."""
        study = f"/studies/{self._picture_study}"
        paths = ("/instances", study, f"{study}/metadata", f"{study}/thumbnail", "/workitems")
        return [httpx.get(self._archive.url + path, timeout=30).status_code for path in paths]

    def prepare(self) -> None:
        """What the reads read and the deletion deletes."""
        picture = self.store(PICTURE).json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        self._picture_study = picture.split("/")[-5]
        self._study_to_delete = "1.2.77"
        deleted = instance(StudyInstanceUID=self._study_to_delete, SOPInstanceUID="1.2.77.1")
        assert self.store(deleted).status_code == 200

    def _post(self, path: str, content: bytes | None, headers: dict[str, str], **body: Any) -> httpx.Response:
        return httpx.post(self._archive.url + path, content=content, headers=headers, timeout=30, **body)

    def _store_by_dimse(self) -> int:
        (status,) = send(self._archive.dicom_port, self.new())
        return int(status.Status)


def _reference(uid: str) -> dict[str, Any]:
    return {"00081150": {"vr": "UI", "Value": [CTImageStorage]}, "00081155": {"vr": "UI", "Value": [uid]}}


def leftovers(archive: ArchiveProcess) -> list[Path]:
    return [path for folder in ("incoming", "intents") for path in (archive.data_dir / folder).iterdir()]


def test_a_full_disk_refuses_what_is_written_serves_what_is_read_and_is_forgotten_when_there_is_room(
    tmp_path: Path,
) -> None:
    with memory_disk(tmp_path, 16) as disk:
        archive = ArchiveProcess(disk)
        with archive:
            client = Client(archive)
            client.prepare()
            assert client.reads() == [200, 200, 200, 200, 204]
            with filled(disk):
                assert client.store(client.new()).text == FULL.sentence
                assert client.writes() == [507, OUT_OF_RESOURCES, 507, 503, 507]
                assert client.reads() == [200, 200, 200, 200, 204]
                assert leftovers(archive) == []
            assert client.writes() == [200, 0, 201, 200, 204]
            assert client.reads() == [200] * 5
        assert verify(archive.data_dir).is_clean
        assert "Traceback" not in archive.log.read_text()


def test_wherever_the_space_ends_files_and_index_agree(tmp_path: Path) -> None:
    outcomes: set[int] = set()
    with memory_disk(tmp_path, 24) as disk:
        archive = ArchiveProcess(disk)
        with archive:
            client = Client(archive)
            client.prepare()
            for free_bytes in range(0, 800_000, 60_000):
                with filled(disk, free_bytes):
                    batch = [client.new(20_000) for _ in range(15)]
                    answer = client.store(*batch)
                    outcomes.add(answer.status_code)
                    assert leftovers(archive) == []
                    assert len(archive.instances()) == len(archive.stored_files())
                    archive.kill()
                archive.start()
                assert client.store(*batch).status_code == 200
                assert httpx.delete(f"{archive.url}/studies/1.2.3.1", timeout=30).status_code == 204
        assert outcomes == {200, 507}
        assert verify(archive.data_dir).is_clean


def test_a_file_system_that_closes_itself_is_told_and_read_on(tmp_path: Path) -> None:
    disk = Ext4(tmp_path, 64)
    with disk.mounted() as folder, ArchiveProcess(folder) as archive:
        client = Client(archive)
        client.prepare()
        disk.fail()
        assert client.store(client.new()).text == NOT_WRITABLE.sentence
        assert client.writes() == [503, OUT_OF_RESOURCES, 507, 503, 503]  # SQLite does not tell why it cannot write
        assert client.reads() == [200, 200, 200, 200, 204]
    with disk.mounted("ro,noload") as folder:
        said = started(folder / "archive")
        assert said.returncode == 2
        assert f"the data folder {folder / 'archive'} cannot be used: Read-only file system" in said.stderr
    with disk.mounted() as folder, archive:
        assert client.writes() == [200, 0, 201, 200, 204]


def started(data_dir: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "graph.cli", "archive", "--data-dir", str(data_dir), "--port", "0"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(("free_bytes", "starts"), [(0, False), (40_000, False), (200_000, True)])
def test_a_start_on_a_full_disk_serves_or_says_why_not(tmp_path: Path, free_bytes: int, starts: bool) -> None:
    with memory_disk(tmp_path, 16) as disk:
        archive = ArchiveProcess(disk)
        with archive:
            client = Client(archive)
            client.prepare()
        with filled(disk, free_bytes):
            if starts:
                with archive:
                    assert client.reads() == [200, 200, 200, 200, 204]
                    assert client.store(client.new(), client.new()).status_code == 507
            else:
                said = started(archive.data_dir)
                assert (said.returncode, "cannot be opened: its disk is full" in said.stderr) == (2, True), said.stderr
        with archive:
            assert client.writes() == [200, 0, 201, 200, 204]
