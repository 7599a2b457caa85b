"""`dicom-graph upload`: what it sends is stored, and whatever answers instead of the service is told in a sentence."""

import asyncio
import errno
from pathlib import Path

import pytest

from graph.upload_client import UploadFailed, upload_files
from tests.pacs.scripted import scripted_pacs
from tests.samples import Exam


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A DICOM file."""
    path = tmp_path / "image.dcm"
    path.write_bytes(Exam().image().content)
    return path


async def test_files_and_folders_are_stored(
    base_url: str, tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "note.txt").write_text("no DICOM")

    told = await asyncio.to_thread(upload_files, [image, tmp_path / "folder"], f"{base_url}/graphql", None)

    assert told == (1, 1)
    assert "stored, " in capsys.readouterr().out


async def test_a_url_that_is_not_the_services_graphql_is_told(base_url: str, image: Path) -> None:
    with pytest.raises(UploadFailed, match="/graphql"):
        await asyncio.to_thread(upload_files, [image], base_url, None)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"null", b'{"data": null}', b'{"errors": 5}', b'{"data": {}}'])
async def test_another_servers_answer_is_told(image: Path, answer: bytes) -> None:
    async with scripted_pacs(lambda exchange: exchange.answer(200, answer, "application/json")) as server:
        with pytest.raises(UploadFailed, match="no GraphQL URL"):
            await asyncio.to_thread(upload_files, [image], server.url, None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/graphql", "127.0.0.1/graphql", "http://[/graphql"])
def test_a_server_that_is_not_there_is_told(image: Path, url: str) -> None:
    with pytest.raises(UploadFailed, match="cannot be asked"):
        upload_files([image], url, None)


def test_a_file_that_cannot_be_read_is_told(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read every file
    with pytest.raises(UploadFailed, match=r"image\.dcm cannot be read: Permission denied"):
        upload_files([image], "http://127.0.0.1:1/graphql", None)
