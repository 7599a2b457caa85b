"""The faults of the disk and the index, as objects that belong to no patient meet them."""

from pathlib import Path

import pytest

from tests.pacs.archive.npi_samples import color_palette
from tests.pacs.archive.serving import Archive
from tests.pacs.archive.test_faults import STEPS, leftovers


async def test_a_disk_that_fails_at_any_step_of_storing_is_told_and_leaves_nothing(
    archive: Archive, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, headers = f"{archive.url}/color-palettes", {"content-type": "application/dicom"}
    for owner, name, fail, fault in STEPS:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, fail)
            answer = await archive.client.post(url, content=color_palette(), headers=headers)
            assert answer.status_code == fault.status, name
            assert fault.sentence in answer.text + answer.headers.get("warning", "")
        assert leftovers(data_dir) == list((data_dir / "files").rglob("*.dcm")) == []
        assert await archive.search("/color-palettes") == []
    assert (await archive.client.post(url, content=color_palette(), headers=headers)).status_code == 200


async def test_a_sender_that_breaks_off_leaves_nothing(archive: Archive, data_dir: Path) -> None:
    headers = {"content-type": 'multipart/related; type="application/dicom"; boundary=x'}
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + color_palette()
    answer = await archive.client.post(f"{archive.url}/color-palettes", content=body, headers=headers)
    assert answer.status_code == 400
    assert leftovers(data_dir) == []
    assert await archive.search("/color-palettes") == []


async def test_what_is_no_whole_object_is_refused_with_the_reason(archive: Archive, data_dir: Path) -> None:
    whole = color_palette()
    url, headers = f"{archive.url}/color-palettes", {"content-type": "application/dicom"}
    for body in (
        b"",
        whole[:200],
        whole[:-100],
        whole + b"\x10\x00",
        b"MZ" + whole[2:],
        whole.replace(b"1.2.5.1", b"x.2.5.1"),
    ):
        answer = await archive.client.post(url, content=body, headers=headers)
        assert answer.status_code == 400, body[:4]
        assert answer.json()["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC000]
    assert leftovers(data_dir) == []
    assert (await archive.client.post(url, content=whole, headers=headers)).status_code == 200
