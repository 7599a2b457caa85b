"""Debian's Orthanc with its DICOMweb plugin, started for the tests on free ports and in a folder of its own."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.real.required import need
from tests.real.server import free_port

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_START_SECONDS = 30.0


@dataclass
class Orthanc:
    """A running Orthanc."""

    root: str
    """Of its REST API."""
    dicom_port: int
    process: subprocess.Popen[bytes]

    @property
    def pacs_url(self) -> str:
        """Of its DICOMweb services."""
        return f"{self.root}/dicom-web"


@contextmanager
def orthanc(folder: Path, **options: Any) -> Iterator[Orthanc]:
    """An Orthanc whose files lie in `folder`; `options` are added to its configuration."""
    program = shutil.which("Orthanc") or shutil.which("orthanc")
    need(program and _PLUGIN.is_file(), "Orthanc is missing: apt-get install orthanc orthanc-dicomweb")
    http_port, dicom_port = free_port(), free_port()
    configuration = {
        "Name": "Tests",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DefaultEncoding": "Utf8",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(_PLUGIN)],
        **options,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([str(program), str(path)], stdout=log, stderr=log)
    try:
        running = Orthanc(f"http://127.0.0.1:{http_port}", dicom_port, process)
        _wait(running, options.get("RegisteredUsers"))
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _wait(running: Orthanc, users: dict[str, str] | None) -> None:
    auth = next(iter(users.items())) if users else None
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{running.root}/system", auth=auth, timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("Orthanc did not start")
