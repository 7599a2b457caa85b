"""What is kept is what the PACS has, with Orthanc as the PACS: also one that overwrites what it has."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from pacs.adapter import Pacs
from pacs.address import PacsAddress
from pacs.caching.states import SeriesRef
from pacs.errors import NotFound
from pacs.orthanc.ids import orthanc_id
from pacs.orthanc.series import SERIES_KEYWORDS
from tests.pacs.caching.behind import FIELDS, Behind, tree
from tests.pacs.caching.test_truth import *  # noqa: F403  # tests
from tests.pacs.caching.test_truth import content, numbers
from tests.real.on_orthanc import introduce
from tests.real.orthanc import orthanc
from tests.samples import Exam, Sample


@pytest_asyncio.fixture(scope="module", loop_scope="module")  # type: ignore[no-redef]  # instead of the one imported
async def behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Behind]:
    """Orthanc, which takes what it has already anew, as one that is set so does."""
    folder = tmp_path_factory.mktemp("orthanc")
    with orthanc(folder, OverwriteInstances=True) as running:
        async with httpx.AsyncClient(timeout=30) as client:

            async def remove(image: Sample) -> None:
                found = (await client.post(f"{running.root}/tools/lookup", content=image.instance)).json()
                (path,) = [one["Path"] for one in found if one["Type"] == "Instance"]
                (await client.delete(f"{running.root}{path}")).raise_for_status()

            yield Behind(PacsAddress(running.pacs_url), running.pacs_url, client, remove)


async def test_an_object_that_is_overwritten_in_place_is_seen(behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    for number in (20, 30, 40):
        again = Exam(images[1].patient_id, images[1].study)
        await behind.store(again.image(images[1].series, SOPInstanceUID=images[1].instance, InstanceNumber=number))
        assert numbers(await tree(pacs, images[0])) == [1, 3, number]


async def test_a_picture_that_is_kept_is_nobodys_once_another_patient_has_its_uids(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    first = images[0]
    place = first.study, first.series, first.instance
    kept = [(await pacs.pictures.thumbnail(*place, 16)).body for _ in range(2)]

    anothers = Exam("somebody else", first.study).image(first.series, SOPInstanceUID=first.instance, Rows=8, Columns=8)
    await behind.store(anothers)
    for _ in range(2):
        with pytest.raises(NotFound):  # Orthanc does not say whose it would show
            await pacs.pictures.thumbnail(*place, 16)

    id_ = orthanc_id(first.patient_id, first.study, first.series)
    (await behind.client.delete(f"{behind.root.removesuffix('/dicom-web')}/series/{id_}")).raise_for_status()
    assert (await pacs.pictures.thumbnail(*place, 16)).body not in kept


async def test_the_first_picture_of_a_patient_is_not_made_on_the_word_of_anothers_request(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    first = images[0]
    place = first.study, first.series, first.instance
    await pacs.pictures.thumbnail(*place, 16, patient_id=first.patient_id)

    await behind.store(Exam("somebody else", first.study).image(first.series, SOPInstanceUID=first.instance))
    with pytest.raises(NotFound):
        await pacs.pictures.thumbnail(*place, 8, patient_id="somebody else")


async def test_what_orthanc_has_in_its_index_is_not_searched_for(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    series = SeriesRef(images[0].study, images[0].series)
    await pacs.pictures.thumbnail(images[0].study, images[0].series, images[0].instance, 8)  # its state is known then
    behind.asked.clear()
    found = await pacs.instances(images[0].patient_id, [series], {"InstanceNumber", "SOPInstanceUID"})
    assert [row.text("SOPInstanceUID") for row in found[series.place]] == [image.instance for image in images]
    assert not content(behind)
    searched = await pacs.instances(images[0].patient_id, [series], FIELDS)
    assert numbers(searched[series.place]) == numbers(found[series.place])
    assert await pacs.instances("somebody else", [series], {"InstanceNumber"}) == {}


async def test_an_orthanc_whose_log_was_cleared_is_still_believed_only_as_far_as_it_tells(
    behind: Behind, pacs: Pacs, images: list[Sample]
) -> None:
    await tree(pacs, images[0])
    for number in (7, 8):
        (await behind.client.delete(f"{behind.root.removesuffix('/dicom-web')}/changes")).raise_for_status()
        again = Exam(images[1].patient_id, images[1].study)
        await behind.store(again.image(images[1].series, SOPInstanceUID=images[1].instance, InstanceNumber=number))
        (await behind.client.delete(f"{behind.root.removesuffix('/dicom-web')}/changes")).raise_for_status()
        assert numbers(await tree(pacs, images[0])) == [1, 3, number]


@pytest.mark.parametrize("several", [False, True], ids=["one study", "several studies"])
async def test_series_come_from_the_index_of_orthanc_as_a_search_has_them(
    behind: Behind, pacs: Pacs, images: list[Sample], several: bool
) -> None:
    exam = Exam(images[0].patient_id)
    more = [exam.image(SeriesNumber=9, SeriesDescription="thorax \u00e4"), exam.image(Modality="MR", SeriesNumber=1)]
    await behind.store(*more)
    studies = [more[0].study, images[0].study] if several else [more[0].study]
    await introduce(pacs)
    behind.asked.clear()

    wanted = SERIES_KEYWORDS - {"StudyInstanceUID"}
    found = await pacs.series_with(images[0].patient_id, studies, wanted)
    assert behind.asked == (
        ["tools/find"] if several else [f"studies/{orthanc_id(exam.patient_id, exam.study)}/series"]
    )
    searched = await pacs.series(images[0].patient_id, studies, wanted)
    assert len(found) == len(searched) == (3 if several else 2)
    for keyword in SERIES_KEYWORDS:
        assert [row.whole_text(keyword) for row in found] == [row.whole_text(keyword) for row in searched], keyword


async def test_series_in_the_index_are_their_patients_alone(behind: Behind, pacs: Pacs, images: list[Sample]) -> None:
    await introduce(pacs)
    assert await pacs.series_with("somebody else", [images[0].study], {"Modality"}) == []
    anothers = Exam("somebody else", images[0].study).image()
    await behind.store(anothers)
    for studies in ([images[0].study], [images[0].study, Exam().study]):
        for image in (anothers, images[0]):
            rows = await pacs.series_with(image.patient_id, studies, {"Modality"})
            assert [row.text("SeriesInstanceUID") for row in rows] == [image.series]
