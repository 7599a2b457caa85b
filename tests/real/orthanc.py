"""Debian's Orthanc with its DICOMweb plugin, started for the tests on free ports and in a folder of its own."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.real.required import need
from tests.real.server import free_port
from tests.samples import Sample

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_START_SECONDS = 30.0


@dataclass
class Orthanc:
    """An Orthanc that can be killed and started again, with the same files and ports."""

    folder: Path
    options: dict[str, Any]
    http_port: int = field(default_factory=free_port)
    dicom_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> str:
        """Of its REST API."""
        return f"{'https' if self.options.get('SslEnabled') else 'http'}://127.0.0.1:{self.http_port}"

    @property
    def pacs_url(self) -> str:
        """Of its DICOMweb services."""
        return f"{self.root}/dicom-web"

    def start(self) -> None:
        """Starts it; returns when it answers."""
        need(is_installed(), "Orthanc is missing: apt-get install orthanc orthanc-dicomweb")
        configuration = {
            "Name": "Tests",
            "StorageDirectory": str(self.folder / "orthanc"),
            "IndexDirectory": str(self.folder / "orthanc"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DefaultEncoding": "Utf8",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(_PLUGIN)],
            **self.options,
        }
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(configuration))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen([_program() or "", str(path)], stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        """Asks it to stop; what is dead already stays so."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self) -> None:
        """kill -9, without a word of warning."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stopped in its tracks: its ports take connections, and nobody answers."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def send(self, *images: Sample) -> None:
        """C-STORE by dcmtk's storescu, as a modality does."""
        need(shutil.which("storescu"), "dcmtk is missing: apt-get install dcmtk")
        paths = []
        for image in images:
            paths.append(self.folder / f"{image.instance}.dcm")
            paths[-1].write_bytes(image.content)
        ports = ["127.0.0.1", str(self.dicom_port)]
        subprocess.run(
            ["storescu", "-aet", "MODALITY", "-aec", "ORTHANC", *ports, *map(str, paths)],
            check=True,
            capture_output=True,
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _wait(self) -> None:
        users = self.options.get("RegisteredUsers")
        auth = next((name, os.path.expandvars(password)) for name, password in users.items()) if users else None
        anyone = ssl.create_default_context()
        anyone.check_hostname = False
        anyone.verify_mode = ssl.CERT_NONE
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(verify=anyone, timeout=2, auth=auth) as client:
            while time.monotonic() < deadline:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "orthanc.log").read_text()[-2000:]
                with suppress(httpx.HTTPError):
                    if client.get(f"{self.root}/system").status_code == 200:
                        return
                time.sleep(0.05)
        raise AssertionError("Orthanc did not start")


def is_installed() -> bool:
    """Whether this machine has Orthanc and its DICOMweb plugin."""
    return _program() is not None and _PLUGIN.is_file()


def _program() -> str | None:
    return shutil.which("Orthanc") or shutil.which("orthanc")


@contextmanager
def orthanc(folder: Path, **options: Any) -> Iterator[Orthanc]:
    """An Orthanc whose files lie in `folder`; `options` are added to its configuration."""
    running = Orthanc(folder, options)
    try:
        running.start()
        yield running
    finally:
        running.stop()
