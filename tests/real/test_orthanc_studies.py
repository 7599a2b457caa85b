"""Studies that were searched for before are as Orthanc has them now, whatever was done to them behind our back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pacs.adapter import Pacs
from pacs.address import PacsAddress
from pacs.attributes import JSONDataset
from pacs.dicomweb import DicomWeb
from pacs.orthanc.ids import orthanc_id
from pacs.searches import StudySearch
from tests.pacs.caching.behind import Held
from tests.real.on_orthanc import introduce
from tests.real.orthanc import Orthanc, orthanc
from tests.samples import Exam, Sample

pytestmark = pytest.mark.asyncio(loop_scope="module")

INCLUDE = frozenset({
    "PatientName", "PatientSex", "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
})  # fmt: skip


class Patient:
    """One patient of one Orthanc, who has two studies of three images: what is done to them, and what is told."""

    def __init__(self, running: Orthanc, client: httpx.AsyncClient, ways: tuple[Pacs, Pacs]) -> None:
        self._root, self._client = running.root, client
        self.kept, self.fresh = ways
        self.first = Exam(attributes={"StudyDescription": "one"})
        self.second = Exam(self.first.patient_id, attributes={"StudyDescription": "two"})
        self.images = [self.first.image(), self.second.image(), self.second.image(Modality="MR")]

    async def store(self, *images: Sample) -> None:
        for image in images:
            (await self._client.post(f"{self._root}/instances", content=image.content)).raise_for_status()

    async def delete(self, kind: str, *uids: str) -> None:
        (await self._client.delete(f"{self._root}/{kind}/{self._id(*uids)}")).raise_for_status()

    async def reconstruct(self, study: str) -> None:
        path = f"{self._root}/studies/{self._id(study)}/reconstruct"
        (await self._client.post(path, content=b"{}")).raise_for_status()

    async def settle(self) -> None:
        """Returns when Orthanc takes the studies for complete."""
        async with asyncio.timeout(30):
            while not all(one["IsStable"] for one in (await self._client.get(f"{self._root}/studies?expand")).json()):
                await asyncio.sleep(0.1)

    async def told(self, search: StudySearch) -> list[JSONDataset]:
        """What is told by who keeps what it found, which is what a search finds now."""
        kept = [one.json for one in await self.kept.studies(search, INCLUDE)]
        assert kept == [one.json for one in await self.fresh.studies(search, INCLUDE)]
        return kept

    def _id(self, *uids: str) -> str:
        return orthanc_id(self.first.patient_id, *uids)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orthanc_and_client(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Orthanc, httpx.AsyncClient]]:
    """One that takes what it has already anew, as some hospitals have it."""
    with orthanc(tmp_path_factory.mktemp("orthanc"), OverwriteInstances=True, StableAge=1) as running:
        async with httpx.AsyncClient(timeout=30) as client:
            yield running, client


@pytest_asyncio.fixture(loop_scope="module")
async def patient(orthanc_and_client: tuple[Orthanc, httpx.AsyncClient]) -> AsyncIterator[Patient]:
    address = PacsAddress(orthanc_and_client[0].pacs_url)
    kept, fresh = Pacs(address, cache_bytes=1_000_000), Pacs(address)
    await introduce(kept)
    patient = Patient(*orthanc_and_client, (kept, fresh))
    await patient.store(*patient.images)
    await patient.settle()
    yield patient
    await kept.aclose()
    await fresh.aclose()


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is searched for."""
    searched: list[str] = []
    search = DicomWeb.search

    async def note(web: DicomWeb, path: str, query: str = "") -> list[JSONDataset]:
        searched.append(query)
        return await search(web, path, query)

    monkeypatch.setattr(DicomWeb, "search", note)
    return searched


SEARCHES: list[dict[str, Any]] = [{}, {"modality": "MR"}, {"study_description": "TW*"}]


async def _nothing(patient: Patient) -> None:
    """Twice is once."""


async def _another_study(patient: Patient) -> None:
    await patient.store(Exam(patient.first.patient_id).image())


async def _another_series(patient: Patient) -> None:
    await patient.store(patient.first.image(Modality="PT"))


async def _another_image(patient: Patient) -> None:
    await patient.store(patient.first.image(patient.images[0].series))


async def _corrected(patient: Patient) -> None:
    """Every image under its own UID, as a modality sends a study again."""
    await patient.store(*(_again(patient.second, image, "corrected") for image in patient.images[1:]))


async def _corrected_in_part(patient: Patient) -> None:
    await patient.store(_again(patient.second, patient.images[2], "corrected"))


async def _corrected_again_and_again(patient: Patient) -> None:
    """Within one second, which is as fine as Orthanc tells the time."""
    for description in ("a", "b", "c"):
        await patient.store(*(_again(patient.second, image, description) for image in patient.images[1:]))
        for _ in range(2):
            await patient.told(StudySearch(patient.first.patient_id))


async def _corrected_and_read_anew(patient: Patient) -> None:
    await _corrected(patient)
    await patient.settle()
    await patient.told(StudySearch(patient.first.patient_id))
    await patient.told(StudySearch(patient.first.patient_id))
    await patient.reconstruct(patient.second.study)


async def _renamed(patient: Patient) -> None:
    """The patient, as a new study has it."""
    await patient.store(Exam(patient.first.patient_id, attributes={"PatientName": "Smith^Jane"}).image())


async def _without_an_image(patient: Patient) -> None:
    image = patient.first.image(patient.images[0].series, StudyDescription="wrong")
    await patient.store(image)
    await patient.settle()
    await patient.told(StudySearch(patient.first.patient_id))
    await patient.told(StudySearch(patient.first.patient_id))
    await patient.delete("instances", image.study, image.series, image.instance)


async def _without_a_series(patient: Patient) -> None:
    await patient.delete("series", patient.second.study, patient.images[2].series)


async def _without_a_study(patient: Patient) -> None:
    await patient.delete("studies", patient.second.study)


async def _without_the_patient(patient: Patient) -> None:
    await patient.delete("patients")


async def _stored_again(patient: Patient) -> None:
    """What was deleted, with something else in it."""
    await _without_the_patient(patient)
    await patient.store(_again(patient.first, patient.images[0], "corrected"))


async def _with_anothers_study(patient: Patient) -> None:
    await patient.store(Exam("somebody else", patient.first.study).image())


CHANGES = [
    _nothing,
    _another_study,
    _another_series,
    _another_image,
    _corrected,
    _corrected_in_part,
    _corrected_again_and_again,
    _corrected_and_read_anew,
    _renamed,
    _without_an_image,
    _without_a_series,
    _without_a_study,
    _without_the_patient,
    _stored_again,
    _with_anothers_study,
]


def _again(exam: Exam, image: Sample, description: str) -> Sample:
    return exam.image(image.series, SOPInstanceUID=image.instance, StudyDescription=description)


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_told_again_is_what_orthanc_has_now(
    patient: Patient, change: Callable[[Patient], Awaitable[None]]
) -> None:
    searches = [StudySearch(patient.first.patient_id, **one) for one in SEARCHES]
    searches += [StudySearch(patient.first.patient_id, study_instance_uid=patient.second.study)]
    for _ in range(3):
        for search in searches:
            assert await patient.told(search)

    await change(patient)

    for _ in range(2):
        for search in searches:
            await patient.told(search)
        await patient.settle()
    for _ in range(2):
        for search in searches:
            await patient.told(search)


async def test_what_did_not_change_is_searched_for_twice_and_no_more(patient: Patient, searched: list[str]) -> None:
    search = StudySearch(patient.first.patient_id)
    for times in (1, 2, 2, 2):
        assert len(await patient.kept.studies(search, INCLUDE)) == 2
        assert len(searched) == times


async def test_what_went_while_another_was_still_reading_is_seen_and_kept(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, image = StudySearch(patient.first.patient_id), patient.images[2]

    async def series() -> list[int | None]:
        return [one.integer("NumberOfStudyRelatedSeries") for one in await patient.kept.studies(search, INCLUDE)]

    before = await series()
    held = Held(monkeypatch, "studies")
    first, second = await held.twice(series, lambda: patient.delete("series", image.study, image.series))
    assert first == before
    assert second == await series() == [1, 1]
