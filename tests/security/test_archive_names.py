"""The embedded PACS by itself asks nobody who they are: not even then do web pages read it under names of their own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets

from tests.real.archive import ArchiveProcess

_OWN, _REBOUND = "pacs.hospital.example", "evil.example"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveProcess]:
    folder: Path = tmp_path_factory.mktemp("names")
    with ArchiveProcess(folder, host_names=[_OWN.upper()]) as process:
        yield process


@pytest.mark.attack("a page reaches the embedded PACS under a name of its own (DNS rebinding)")
@pytest.mark.parametrize("host", [_REBOUND, "127.0.0.1.evil.example", f"not-{_OWN}", "[::1"])
def test_strange_names_find_nothing(archive: ArchiveProcess, host: str) -> None:
    answer = httpx.get(f"{archive.url}/studies", headers={"Host": host})
    assert answer.status_code == 403
    assert "--host-name" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8042", "localhost", "worklist:8042", _OWN, f"{_OWN}:8042"])
def test_its_own_names_are_known(archive: ArchiveProcess, host: str) -> None:
    assert httpx.get(f"{archive.url}/studies", headers={"Host": host}).is_success


@pytest.mark.attack("a page listens to the worklist's reports under a name of its own (DNS rebinding)")
async def test_strange_names_hear_no_reports(archive: ArchiveProcess) -> None:
    port = httpx.URL(archive.url).port
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"ws://{_REBOUND}/dicom-web/subscribers/AET", host="127.0.0.1", port=port, proxy=None)
    assert refused.value.response.status_code == 403
