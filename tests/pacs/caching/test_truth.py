"""What is kept is what the PACS has: whatever others store, delete or replace there is seen at the next read.

Here on the embedded PACS; `tests/real/test_orthanc_cache.py` runs the same on Orthanc.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pydicom
import pytest
import pytest_asyncio

from pacs.adapter import Pacs
from pacs.attributes import Dataset
from pacs.caching.states import SeriesRef
from pacs.client.answer import Answer
from pacs.dicomweb import DicomWeb
from pacs.errors import NoPicture, NotFound
from tests.pacs.caching.behind import Behind, Held, alone, embedded, tree
from tests.samples import Exam, Sample, file, sample

Read = Callable[[Pacs, Sample], Awaitable[list[Dataset]]]
pytestmark = pytest.mark.asyncio(loop_scope="module")
both_ways = pytest.mark.parametrize("read", [tree, alone])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    """The embedded PACS."""
    async with embedded(tmp_path_factory.mktemp("archive")) as behind:
        yield behind


@pytest_asyncio.fixture(loop_scope="module")
async def pacs(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pacs]:
    """Who reads, and keeps what it read."""
    really_ask = DicomWeb.request

    async def ask(web: DicomWeb, method: str, path: str, **options: Any) -> Answer:
        behind.asked.append(path)
        return await really_ask(web, method, path, **options)

    monkeypatch.setattr(DicomWeb, "request", ask)
    pacs = Pacs(behind.address, cache_bytes=10_000_000)
    yield pacs
    await pacs.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def images(behind: Behind) -> list[Sample]:
    """Three images of one series, stored."""
    exam = Exam()
    first = exam.image(InstanceNumber=1)
    images = [first, *(exam.image(first.series, InstanceNumber=number) for number in (2, 3))]
    await behind.store(*images)
    return images


def numbers(rows: Sequence[Dataset]) -> list[int | None]:
    """Instance Numbers, in the order of the answer."""
    return [row.integer("InstanceNumber") for row in rows]


def content(behind: Behind) -> list[str]:
    """What the PACS was asked for of instances themselves."""
    return [path for path in behind.asked if path == "instances" or path.endswith("/metadata")]


@both_ways
async def test_what_did_not_change_is_read_once(read: Read, behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    first = await read(pacs, images[0])
    await read(pacs, images[0])  # the PACS may have changed elsewhere until now: another test's images
    behind.asked.clear()

    again = await read(pacs, images[0])

    assert numbers(again) == numbers(first) == [1, 2, 3]
    assert [row.integer("Rows") for row in again] == [16, 16, 16]
    assert behind.asked
    assert not content(behind)


@both_ways
async def test_an_added_instance_is_seen(read: Read, behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    await behind.store(Exam(images[0].patient_id, images[0].study).image(images[0].series, InstanceNumber=4))
    assert numbers(await read(pacs, images[0])) == [1, 2, 3, 4]


@both_ways
async def test_a_deleted_instance_is_seen(read: Read, behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    await behind.remove(images[1])
    assert numbers(await read(pacs, images[0])) == [1, 3]


@both_ways
async def test_an_instance_that_is_exchanged_for_another_is_seen(
    read: Read, behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    await behind.remove(images[1])
    await behind.store(Exam(images[0].patient_id, images[0].study).image(images[0].series, InstanceNumber=9))
    assert numbers(await read(pacs, images[0])) == [1, 3, 9]


@both_ways
async def test_other_content_under_the_same_uid_is_seen(
    read: Read, behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    await read(pacs, images[0])
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    for _ in range(2):  # and once more, at once
        await behind.remove(images[1])
        other = Exam(images[1].patient_id, images[1].study)
        number = len(behind.asked) + 100
        await behind.store(other.image(images[1].series, SOPInstanceUID=images[1].instance, InstanceNumber=number))
        assert numbers(await read(pacs, images[0])) == [1, 3, number]


@both_ways
async def test_a_study_that_is_gone_is_gone(read: Read, behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    for image in images:
        await behind.remove(image)
    assert await read(pacs, images[0]) == []


@both_ways
async def test_changes_elsewhere_do_not_cost_another_read(
    read: Read, behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    await read(pacs, images[0])
    await behind.store(Exam().image())
    behind.asked.clear()
    assert numbers(await read(pacs, images[0])) == [1, 2, 3]
    assert not content(behind)


@both_ways
async def test_another_patient_gets_nothing_of_what_is_kept(
    read: Callable[..., Awaitable[list[Dataset]]], pacs: Pacs, images: list[Sample]
) -> None:
    await read(pacs, images[0])
    assert await read(pacs, images[0], "somebody else") == []
    assert await read(pacs, images[0], images[0].patient_id.lower()) == []


async def test_what_is_kept_with_more_attributes_serves_for_fewer(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    rows = await pacs.series(images[0].patient_id, [images[0].study])
    refs = [SeriesRef(images[0].study, images[0].series, row) for row in rows]
    for _ in range(2):
        await pacs.instances(images[0].patient_id, refs, {"Rows", "Columns", "ImageComments"})
    behind.asked.clear()
    found = await pacs.instances(images[0].patient_id, refs, {"Rows", "ImageComments"})
    assert [row.text("ImageComments") for row in found[refs[0].place]] == ["Uncompressed"] * 3
    assert not content(behind)


async def test_a_study_that_is_forgotten_is_read_anew(behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    await tree(pacs, images[0])
    pacs.forget(images[0].study)
    behind.asked.clear()
    await tree(pacs, images[0])
    assert content(behind)


@both_ways
async def test_what_came_while_another_was_still_reading_is_seen_and_kept(
    read: Read, behind: Behind, pacs: Pacs, images: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, "instances")
    more = Exam(images[0].patient_id, images[0].study).image(images[0].series, InstanceNumber=4)
    first, second = await held.twice(lambda: read(pacs, images[0]), lambda: behind.store(more))
    assert numbers(first) == [1, 2, 3]
    assert numbers(second) == numbers(await read(pacs, images[0])) == [1, 2, 3, 4]


async def test_a_cache_of_no_bytes_keeps_nothing(behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    without = Pacs(behind.address)
    for _ in range(2):
        behind.asked.clear()
        assert numbers(await tree(without, images[0])) == [1, 2, 3]
        asked = [path.rpartition("/")[2] for path in behind.asked if path != "system"]  # which tells who it is
        assert asked == ["series", "instances"]
    await without.aclose()


async def test_a_thumbnail_is_made_once_while_its_object_is_the_same(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    first = images[0]
    place = first.study, first.series, first.instance
    small = await pacs.pictures.thumbnail(*place, 16)
    behind.asked.clear()

    assert (await pacs.pictures.thumbnail(*place, 16)).body == small.body
    assert not pictures_of(behind, first)
    assert (await pacs.pictures.thumbnail(*place, 8)).body != small.body

    await behind.remove(first)
    other = Exam(first.patient_id, first.study)
    black = other.image(first.series, SOPInstanceUID=first.instance, PixelData=bytes(512))
    await behind.store(black)
    assert (await pacs.pictures.thumbnail(*place, 16)).body != small.body

    await behind.remove(first)
    with pytest.raises(NotFound):
        await pacs.pictures.thumbnail(*place, 16)


async def test_why_there_is_no_thumbnail_holds_until_the_object_is_another(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    study, series, uid = images[0].study, images[0].series, images[0].instance
    await behind.remove(images[0])
    report = pydicom.dcmread(file("reportsi.dcm"))
    report.PatientID, report.StudyInstanceUID = images[0].patient_id, study
    report.SeriesInstanceUID, report.SOPInstanceUID = series, uid
    await behind.store(sample(report))
    for _ in range(2):
        behind.asked.clear()
        with pytest.raises(NoPicture):
            await pacs.pictures.thumbnail(study, series, uid, 16)
    assert not pictures_of(behind, images[0])

    await behind.remove(images[0])
    await behind.store(images[0])
    assert (await pacs.pictures.thumbnail(study, series, uid, 16)).body.startswith(b"\xff\xd8")


def pictures_of(behind: Behind, image: Sample) -> list[str]:
    """What the PACS was asked for to make a picture."""
    return [path for path in behind.asked if image.instance in path]
