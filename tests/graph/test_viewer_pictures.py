"""What the viewer shows of an object is what the PACS has now, though its file is kept for the next window."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from graph.viewer.pictures import ViewerPictures
from pacs.adapter import Pacs
from pacs.errors import NotFound
from pacs.rendering.request import Rendering
from pacs.studies import Studies
from tests.pacs.caching.behind import Behind, embedded
from tests.samples import Exam, Sample


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    """An embedded PACS in which others delete and store."""
    async with embedded(tmp_path) as behind:
        yield behind


@pytest.fixture
async def pacs(behind: Behind) -> AsyncIterator[Pacs]:
    """The API's way to it."""
    pacs = Pacs(behind.address)
    yield pacs
    await pacs.aclose()


@pytest.fixture
def pictures(pacs: Pacs) -> Any:
    """Those of the viewer."""
    pictures = ViewerPictures(pacs)
    yield pictures
    pictures.close()


async def picture(pictures: ViewerPictures, image: Sample) -> bytes:
    return (await pictures.render(image.study, image.series, image.instance, Rendering())).body


async def test_an_object_is_fetched_once_while_it_stays_the_same(
    pictures: ViewerPictures, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Exam().image()
    await behind.store(image)
    fetched: list[str] = []
    really = Studies.retrieve

    def retrieve(studies: Studies, *uids: str) -> Any:
        fetched.append(uids[-1])
        return really(studies, *uids)

    monkeypatch.setattr(Studies, "retrieve", retrieve)
    assert await picture(pictures, image) == await picture(pictures, image)
    assert fetched == [image.instance]


async def test_an_object_that_was_replaced_is_shown_as_it_is(pictures: ViewerPictures, behind: Behind) -> None:
    exam = Exam()
    dark, light = bytes(256), b"\x00\x07" * 128
    image = exam.image(PixelData=dark + light)
    other = exam.image(image.series, SOPInstanceUID=image.instance, PixelData=light + dark)
    await behind.store(image)
    before = await picture(pictures, image)

    await behind.remove(image)
    await behind.store(other)

    assert await picture(pictures, image) != before


async def test_an_object_that_was_deleted_is_shown_no_more(pictures: ViewerPictures, behind: Behind) -> None:
    image = Exam().image()
    await behind.store(image)
    await picture(pictures, image)

    await behind.remove(image)

    with pytest.raises(NotFound):
        await picture(pictures, image)
