"""`dicom-graph archive` by itself, on both networks: a process that can be killed and started again."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import httpx

from pacs.archive.dimse.options import TlsFiles
from pacs.uids import is_uid
from tests.real.server import free_port

_START_SECONDS = 30.0


class ArchiveProcess:
    """An archive on ports and a data folder that stay the same through its restarts."""

    def __init__(
        self, folder: Path, *, peers: str = "", tls: TlsFiles | None = None, host_names: Sequence[str] = ()
    ) -> None:
        self.dicom_port, http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{http_port}/dicom-web"
        self.data_dir = folder / "archive"
        self.log = folder / "archive.log"
        options = {
            "--data-dir": self.data_dir,
            "--port": http_port,
            "--dimse-port": self.dicom_port,
            "--dimse-peers": peers,
            **({"--dimse-tls-cert": tls.certificate, "--dimse-tls-key": tls.key} if tls else {}),
            **({"--dimse-tls-ca": tls.ca} if tls and tls.ca else {}),
        }
        names = [("--host-name", name) for name in host_names]
        told = [str(text) for pair in [*options.items(), *names] for text in pair]
        self._command = [sys.executable, "-m", "graph.cli", "archive", "--allow-delete", *told]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> "ArchiveProcess":
        """Starts it, and returns when it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/studies?limit=1", timeout=2).status_code in {200, 204}:
                    return self
            time.sleep(0.05)
        raise AssertionError(f"the archive did not start:\n{self.log.read_text()[-2000:]}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def instances(self) -> set[str]:
        """SOPInstanceUIDs of all that is stored."""
        answer = httpx.get(f"{self.url}/instances", timeout=60)
        return {one["00080018"]["Value"][0] for one in answer.json()} if answer.status_code == 200 else set()

    def stored_files(self) -> list[Path]:
        """The files of all that is stored."""
        return sorted((self.data_dir / "files").rglob("*.dcm"))

    def forget(self) -> None:
        """Deletes every study, and every object that belongs to none."""
        places = {(path.parent.name, path.stem) for path in self.stored_files()}
        for resource in {f"studies/{name}" if is_uid(name, lenient=True) else f"{name}/{uid}" for name, uid in places}:
            assert httpx.delete(f"{self.url}/{resource}", timeout=30).status_code == 204
