import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pacs.archive.lock import ArchiveLocked, DataLock
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import stow_body

PROGRAM = """
import sys
from pathlib import Path
from pacs.archive.options import ArchiveOptions
from pacs.archive.server import run
run(ArchiveOptions(data_dir=Path(sys.argv[1])), socket=Path(sys.argv[2]), watch_parent=True)
"""


class Process:
    """The archive as a process of its own, on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        path = folder / "s"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder / "data"), str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://archive/dicom-web", timeout=30
        )
        _await_listener(path)

    def end(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                pipe.close()


def _await_listener(path: Path) -> None:
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return
        time.sleep(0.05)
    raise AssertionError("the archive did not start")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as found:
        yield Path(found)


def test_a_kill_while_storing_loses_nothing_that_was_answered_and_leaves_nothing_half(folder: Path) -> None:
    acknowledged: set[str] = set()
    for round_ in range(1, 4):
        archive = Process(folder)
        done = threading.Event()

        def upload(archive: Process = archive, round_: int = round_, done: threading.Event = done) -> None:
            for number in range(1, 10_000):
                uid = f"1.2.{round_}.{number}"
                file = instance(SOPInstanceUID=uid, StudyInstanceUID=f"1.2.{round_}", TextValue="x" * 100_000)
                content_type, body = stow_body(file)
                try:
                    answer = archive.client.post("/studies", content=body, headers={"content-type": content_type})
                except httpx.TransportError:
                    break
                if answer.status_code == 200:
                    acknowledged.add(uid)
            done.set()

        threading.Thread(target=upload).start()
        time.sleep(0.3)
        archive.process.send_signal(signal.SIGKILL)
        assert done.wait(10)
        archive.end()
    archive = Process(folder)
    found = {one["00080018"]["Value"][0] for one in archive.client.get("/instances").json()}
    assert acknowledged
    assert acknowledged <= found
    files = {path.stem for path in (folder / "data" / "files").rglob("*.dcm")}
    assert files == found
    assert list((folder / "data" / "incoming").iterdir()) == []
    assert list((folder / "data" / "intents").iterdir()) == []
    for uid in found:
        assert archive.client.get("/instances", params={"SOPInstanceUID": uid}).status_code == 200
    archive.end()


def test_the_archive_ends_with_its_parent(folder: Path) -> None:
    archive = Process(folder)
    assert archive.process.stdin is not None
    archive.process.stdin.close()
    assert archive.process.wait(10) == 0
    archive.end()


def test_one_process_has_a_data_folder(tmp_path: Path) -> None:
    first, second = DataLock(tmp_path), DataLock(tmp_path)
    first.acquire()
    first.acquire()
    with pytest.raises(ArchiveLocked, match="another archive is running"):
        second.acquire(0.2)
    first.release()
    second.acquire()
    second.release()
