"""What Orthanc tells from its index is what its DICOMweb services tell: whatever it has, and however it is set."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from graph.app import create_app
from graph.settings import Settings
from tests.graph.api import Api
from tests.pacs.scripted import Exchange, Script, scripted_pacs
from tests.real.orthanc import Orthanc, orthanc
from tests.samples import Exam, Sample

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERIES = """seriesInstanceUID modality seriesNumber seriesDescription bodyPartExamined
  numberOfSeriesRelatedInstances"""
INSTANCES = "studyInstanceUID seriesInstanceUID sopInstanceUID instanceNumber numberOfFrames"
OF_FILES = "sopClassUID rows columns bitsAllocated"
TREE = """query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID
  series { %s instances { %s } } } } }"""
QUERIES = [
    pytest.param(TREE % (SERIES, INSTANCES), id="what an index has"),
    pytest.param(TREE % (SERIES, INSTANCES + " " + OF_FILES), id="series from the index"),
    pytest.param(TREE % (SERIES + " performedProcedureStepStartDate", INSTANCES), id="instances from the index"),
]


def dicomweb_alone(pacs: Orthanc, client: httpx.AsyncClient) -> Script:
    """A proxy that lets nobody beside the DICOMweb services."""

    async def script(exchange: Exchange) -> None:
        if not exchange.target.startswith("/dicom-web/"):
            await exchange.answer(403)
            return
        answer = await client.get(pacs.root + exchange.target, headers={"Accept": exchange.headers["accept"]})
        await exchange.answer(answer.status_code, answer.content, answer.headers.get("content-type", ""))

    return script


class Both:
    """The API with all that Orthanc has to tell, and with its DICOMweb services alone."""

    def __init__(self, pacs: Orthanc, client: httpx.AsyncClient, ways: tuple[Api, Api]) -> None:
        self._pacs = pacs
        self._client = client
        self._ways = ways

    async def store(self, images: Iterable[Sample]) -> None:
        for image in images:
            answer = await self._client.post(f"{self._pacs.root}/instances", content=image.content)
            assert answer.status_code == httpx.codes.OK, answer.text

    async def ask(self, query: str, patient_id: str) -> list[Any]:
        """What either answers, the first both before and after it knows the PACS."""
        index, dicomweb = self._ways
        return [(await way.ask(query, p=patient_id))["studies"]["nodes"] for way in (index, index, dicomweb)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["Full", "MainDicomTags"])
async def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    """By what its administrator has it give for the metadata of series."""
    folder = tmp_path_factory.mktemp("orthanc")
    async with AsyncExitStack() as stack:
        pacs = stack.enter_context(orthanc(folder, DicomWeb={"SeriesMetadata": request.param}))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30))
        proxy = await stack.enter_async_context(scripted_pacs(dicomweb_alone(pacs, client)))

        async def api(url: str, data_dir: Path, **options: Any) -> Api:
            app = create_app(Settings(_env_file=None, data_dir=data_dir, pacs_url=url, **options))
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            return Api(await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://api")))

        index = await api(pacs.pacs_url, folder / "index")
        dicomweb = await api(proxy.url, folder / "dicomweb", cache_bytes=0)
        yield Both(pacs, client, (index, dicomweb))


def plain(exam: Exam) -> list[Sample]:
    """Series on which a PACS's price of metadata is measured, and one more."""
    firsts = [exam.image(SeriesNumber=number) for number in range(4)]
    more = [exam.image(one.series, InstanceNumber=n, NumberOfFrames=n) for one in firsts for n in range(2, 14)]
    return [*firsts, *more]


def numbers(exam: Exam) -> list[Sample]:
    odd = ["-5", "+3", "00012", " 7 ", "-0", "99999999999", "2147483648", "1.0", ["1", "2"], ""]
    return [exam.image(SeriesNumber=number, InstanceNumber=number, NumberOfFrames=number) for number in odd]


def texts(exam: Exam) -> list[Sample]:
    odd = ["a\\b", " a ", "a\tb", "", "^=^", "x" * 64, "x" * 300]
    return [exam.image(SeriesDescription=text, BodyPartExamined=text, Modality=text) for text in odd]


def of_many_alphabets(exam: Exam) -> list[Sample]:
    texts = {
        "ISO_IR 192": "thorax ä 胸部",
        "GB18030": "胸部平扫",
        "ISO_IR 100": "Schädel",
        "ISO_IR 144": "Голова",
        "ISO_IR 13": "ｶﾅ",
    }
    several = {("", "ISO 2022 IR 87"): "胸部", ("", "ISO 2022 IR 149"): "흉부"}
    return [
        exam.image(SpecificCharacterSet=alphabets, SeriesDescription=text)
        for alphabets, text in [*texts.items(), *((list(key), text) for key, text in several.items())]
    ]


def at_odds(exam: Exam) -> list[Sample]:
    """A series whose instances do not agree."""
    first = exam.image(SeriesNumber=1, SeriesDescription="one", Modality="CT")
    return [first, exam.image(first.series, SeriesNumber=2, SeriesDescription="two", Modality="MR", InstanceNumber=9)]


def with_the_same_uids(exam: Exam) -> list[Sample]:
    """Studies that share a series' UID, which they should not; and one that somebody else shares."""
    first, again, anothers = exam.image(), Exam(exam.patient_id), Exam("somebody else", exam.study)
    twice = [again.image(first.series, InstanceNumber=number) for number in (2, 3)]
    return [first, *twice, anothers.image(first.series), anothers.image()]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("made", [plain, numbers, texts, of_many_alphabets, at_odds, with_the_same_uids])
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # the values are odd
async def test_both_tell_the_same(both: Both, made: Callable[[Exam], list[Sample]], query: str) -> None:
    exam = Exam()
    images = made(exam)
    await both.store(images)

    before, known, searched = await both.ask(query, exam.patient_id)

    assert before == known == searched
    told = {
        (study["studyInstanceUID"], series["seriesInstanceUID"], instance["sopInstanceUID"])
        for study in known
        for series in study["series"]
        for instance in series["instances"]
        if instance["studyInstanceUID"] == study["studyInstanceUID"]
    }
    own = [image for image in images if image.patient_id == exam.patient_id]
    assert told == {(image.study, image.series, image.instance) for image in own}
    assert sum(len(series["instances"]) for study in known for series in study["series"]) == len(own)
