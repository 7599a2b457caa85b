"""What a query asks for below studies is read while Orthanc still searches for them, and nothing that it does not."""

from typing import Any

import pytest
from starlette.applications import Starlette

from pacs.client.answer import Answer
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsFault
from pacs.orthanc.ids import orthanc_id
from tests.graph.api import Api
from tests.graph.conftest import api, app  # noqa: F401  # pytest finds fixtures by name
from tests.real.on_orthanc import introduce, pacs, settings  # noqa: F401  # pytest finds fixtures by name
from tests.samples import Exam, Sample

STUDIES = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID series { modality %s } } } }"
TREE = STUDIES % "instances { sopInstanceUID instanceNumber }"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Orthanc is asked for, but for searches for who a study belongs to: access records of uploads need these."""
    asked: list[str] = []
    really_ask = DicomWeb.request

    async def ask(web: DicomWeb, method: str, path: str, **options: Any) -> Answer:
        query = options.get("query") or ""
        if not (path == "studies" and query.startswith("StudyInstanceUID=") and "&" not in query):
            asked.append(path)
        return await really_ask(web, method, path, **options)

    monkeypatch.setattr(DicomWeb, "request", ask)
    return asked


@pytest.fixture
async def images(api: Api, app: Starlette, asked: list[str]) -> list[Sample]:  # noqa: F811  # pytest fills in the fixture
    """Two studies of one patient, and another's with the UID of one of them; that the PACS is an Orthanc is known."""
    first, second = Exam(), Exam()
    second.patient_id = first.patient_id
    one = first.image(InstanceNumber=1)
    images = [one, first.image(one.series, InstanceNumber=2), first.image(InstanceNumber=3), second.image()]
    uploads = [*images, Exam("somebody else", first.study).image()]
    for image in uploads:
        (result,) = await api.upload(image.content)
        assert result["error"] is None
    await introduce(app.state.services.pacs)
    await api.ask(TREE, p=Exam().patient_id)
    await api.ask(TREE, p="somebody else")
    asked.clear()
    return images


def found(data: dict[str, Any]) -> set[str]:
    """The instances."""
    series = [one for study in data["studies"]["nodes"] for one in study["series"]]
    return {instance["sopInstanceUID"] for one in series for instance in one["instances"]}


async def test_everything_is_asked_for_once_and_series_together_with_the_studies(
    api: Api,  # noqa: F811  # pytest fills in the fixture
    asked: list[str],
    images: list[Sample],
) -> None:
    patient = f"patients/{orthanc_id(images[0].patient_id)}"
    series = {(image.study, image.series) for image in images}
    looks = [f"series/{orthanc_id(images[0].patient_id, *place)}/instances" for place in series]

    assert found(await api.ask(TREE, p=images[0].patient_id)) == {image.instance for image in images}

    changes = [path for path in asked if path == "changes"]
    assert sorted(asked) == sorted(["studies", f"{patient}/studies", f"{patient}/series", *looks, *changes])
    assert set(asked[:3]) == {"studies", f"{patient}/studies", f"{patient}/series"}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(TREE.replace("$p)", "$p, first: 1)"), id="one page of two"),
        pytest.param(TREE.replace("$p)", '$p, modality: "MR")'), id="some of the studies"),
        pytest.param(STUDIES % "instances @include(if: false) { sopInstanceUID }", id="instances that are left out"),
        pytest.param(STUDIES % "", id="series alone"),
    ],
)
async def test_what_is_not_asked_for_is_not_read_ahead(
    api: Api,  # noqa: F811  # pytest fills in the fixture
    asked: list[str],
    images: list[Sample],
    query: str,
) -> None:
    nodes = (await api.ask(query, p=images[0].patient_id))["studies"]["nodes"]
    shown = len(nodes[0]["series"]) if nodes and "first: 1" in query else 0
    assert len([path for path in asked if path.startswith("series/")]) == shown


async def test_what_fails_ahead_is_read_after_all(
    api: Api,  # noqa: F811  # pytest fills in the fixture
    images: list[Sample],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = DicomWeb.request

    async def closed(web: DicomWeb, method: str, path: str, **options: Any) -> Answer:
        if path.startswith("patients/"):
            raise PacsFault("not here")
        return await ask(web, method, path, **options)

    monkeypatch.setattr(DicomWeb, "request", closed)
    assert found(await api.ask(TREE, p=images[0].patient_id)) == {image.instance for image in images}
