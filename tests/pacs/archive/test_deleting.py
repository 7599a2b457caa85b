"""Deleting beside others who store and read the same objects."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from pacs.archive import files, lookup, wholeness
from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import Archive, running


@pytest.fixture
async def deleting(data_dir: Path) -> AsyncIterator[Archive]:
    """An archive that deletes."""
    async with running(ArchiveOptions(data_dir=data_dir, allow_delete=True)) as found:
        yield found


async def test_what_is_stored_again_while_it_is_deleted_keeps_its_file(
    deleting: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that takes its time, the delete clears up between the rename of what is stored and its commit."""
    await deleting.store(instance())
    monkeypatch.setattr(files.FileStore, "settle", slow(files.FileStore.settle, before=0.05))
    monkeypatch.setattr(files.FileStore, "place", slow(files.FileStore.place, after=0.15))
    deleted, stored = await asyncio.gather(
        deleting.client.delete(f"{deleting.url}/studies/1.2.3.1"), deleting.store(instance())
    )
    assert (deleted.status_code, stored.status_code) == (204, 200)
    found = await deleting.search("/studies")
    answer = await deleting.get("/studies/1.2.3.1")
    assert (len(found), answer.status_code) == (1, 200)


@pytest.mark.parametrize("below", ["", "/frames/1", "/bulkdata/7FE00010", "/rendered"])
async def test_what_is_deleted_while_it_is_asked_for_is_gone_not_damaged(
    deleting: Archive, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    await deleting.store(wheel_file("CT_small.dcm").read_bytes())
    ((study, url),) = [
        (one["0020000D"]["Value"][0], one["00081190"]["Value"][0]) for one in await deleting.search("/instances")
    ]
    monkeypatch.setattr(wholeness, "check", slow(wholeness.check, before=0.1))
    asked, _ = await asyncio.gather(
        deleting.client.get(url + below), deleting.client.delete(f"{deleting.url}/studies/{study}")
    )
    assert asked.status_code == 404


@pytest.mark.parametrize("content_type", ["application/dicom", "image/png"])
async def test_what_is_deleted_while_its_uri_is_asked_for_is_gone(
    deleting: Archive, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    await deleting.store(wheel_file("CT_small.dcm").read_bytes())
    (one,) = await deleting.search("/instances")
    tags = {"studyUID": "0020000D", "seriesUID": "0020000E", "objectUID": "00080018"}
    uids = {name: one[tag]["Value"][0] for name, tag in tags.items()}
    uri = deleting.url.replace("/dicom-web", "/wado")
    monkeypatch.setattr(wholeness, "check", slow(wholeness.check, before=0.1))

    asked, _ = await asyncio.gather(
        deleting.client.get(uri, params={"requestType": "WADO", "contentType": content_type, **uids}),
        deleting.client.delete(f"{deleting.url}/studies/{uids['studyUID']}"),
    )

    assert asked.status_code == 404


async def test_metadata_is_that_of_one_moment(deleting: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    await deleting.store(instance())
    begun = threading.Event()
    metadata = slow(lookup.metadata, before=0.1)

    def beginning(*given: Any) -> Any:
        begun.set()
        return metadata(*given)

    monkeypatch.setattr(lookup, "metadata", beginning)
    asking = asyncio.create_task(deleting.get("/studies/1.2.3.1/metadata"))
    await asyncio.to_thread(begun.wait, 10)
    await deleting.client.delete(f"{deleting.url}/studies/1.2.3.1")
    asked = await asking
    assert (asked.status_code, len(asked.json())) == (200, 1)


def slow(method: Callable[..., Any], *, before: float = 0.0, after: float = 0.0) -> Callable[..., Any]:
    """The method on a slow disk: so many seconds pass before and after it."""

    def slowly(*given: Any) -> Any:
        time.sleep(before)
        result = method(*given)
        time.sleep(after)
        return result

    return slowly
