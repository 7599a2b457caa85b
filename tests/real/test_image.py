"""deploy/Dockerfile's steps, run here without containers: what they make is started as the image would be."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy import DEPLOY, ROOT
from tests.deploy.dockerfile import Instruction, named, stages
from tests.real.required import need
from tests.real.server import free_port

NOBODY = 10001
PYTHON = "/usr/bin/python3"


class Image:
    """The stages of deploy/Dockerfile, run here: `/` is a folder, Python and the packages are this machine's."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.build, self.last = stages(DEPLOY / "Dockerfile")
        for one in self.build:
            if one.name == "RUN":
                self._run(one)
            elif one.name == "COPY":
                self._copy(one)

    def place(self, text: str) -> str:
        """`text` with the image's folders as they are here."""
        return re.sub(r"(?<![\w.])/(opt|build|data)\b", rf"{self.root}/\1", text)

    @property
    def environment(self) -> dict[str, str]:
        """What the image sets."""
        (said,) = named("ENV", self.last)
        found = dict(word.split("=", 1) for word in self.place(said.text).split())
        return found | {"PATH": found["PATH"].replace("$PATH", os.environ["PATH"])}

    def _copy(self, one: Instruction) -> None:
        (self.root / "build").mkdir(exist_ok=True)
        *sources, target = one.words
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(
                    ROOT / source, self.root / "build" / target, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / source, self.root / "build" / source)

    def _run(self, one: Instruction) -> None:
        command = self.place(one.text).replace("python -m venv", f"{PYTHON} -m venv")
        subprocess.run(["/bin/sh", "-ec", command], cwd=self.root / "build", check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    need(os.geteuid() == 0, "only root can become the image's user")
    need(Path(PYTHON).exists(), "a Python that any user may run is missing: apt-get install python3-venv")
    with tempfile.TemporaryDirectory(prefix="dicom-graph-image-") as folder:
        Path(folder).chmod(0o755)
        yield Image(Path(folder))


def started(image: Image, **environment: str) -> subprocess.Popen[bytes]:
    """The image's program as the image's user, with its environment and no other."""
    (entrypoint,), (command,) = named("ENTRYPOINT", image.last), named("CMD", image.last)
    os.chown(image.root / "data", NOBODY, NOBODY)
    with (image.root / "log").open("wb") as log:
        return subprocess.Popen(
            entrypoint.json + command.json,
            cwd=image.root / "data",
            env=image.environment | environment,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            umask=0o022,
            stdout=log,
            stderr=log,
        )


def health(image: Image, **environment: str) -> int:
    """The exit code of the image's health check."""
    (check,) = named("HEALTHCHECK", image.last)
    return subprocess.run(
        check.json, env=image.environment | environment, check=False, stderr=subprocess.DEVNULL
    ).returncode


@pytest.mark.timeout(600)
def test_what_the_image_holds_installs_from_the_lock_and_serves_as_its_user(image: Image) -> None:
    assert not (image.root / "opt/dicom-graph/bin/pip").exists()
    port = {"PORT": str(free_port())}
    keys = image.root / "api_keys"
    keys.touch(mode=0o644)
    given = port | {"AUTH": "api-key", "API_KEY_FILE": str(keys), "CALLBACK_TOKEN": "token", "HOST": "127.0.0.1"}
    server = started(image, **given)
    try:
        deadline = time.monotonic() + 60
        while health(image, **port) != 0:
            assert time.monotonic() < deadline
            assert server.poll() is None, (image.root / "log").read_text()
        assert httpx.get(f"http://127.0.0.1:{port['PORT']}/health/ready").json()["pacs"] == "ok"
        files = list((image.root / "data").rglob("*"))
        assert files
        assert {path.lstat().st_uid for path in files} == {NOBODY}
    finally:
        server.terminate()
        assert server.wait(30) == 0
    assert health(image, **port) != 0


def test_by_itself_the_image_refuses_to_be_open_to_everybody(image: Image) -> None:
    server = started(image)
    assert server.wait(30) == 2
    assert "set AUTH to jwt or api-key, and CALLBACK_TOKEN" in (image.root / "log").read_text()
