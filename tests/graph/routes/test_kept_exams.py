"""What is kept of a study is dropped as soon as anybody tells that it changed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette

from graph.context import Services
from persistence.records import NewExamEvent, now
from tests.graph.api import Api
from tests.samples import Exam, Sample

TREE = """query ($p: String!) { studies(patientID: $p) { nodes { series { instances { sopInstanceUID rows } } } } }"""
_PATIENCE_SECONDS = 3.0

Tell = Callable[[Api, Services, Sample], Awaitable[None]]


async def by_callback(api: Api, services: Services, image: Sample) -> None:
    event = {"StudyInstanceUID": image.study, "PatientID": image.patient_id, "EventType": "COMPLETED"}
    assert (await api.http.post("/new-exam-callback", json=event)).status_code == 204


async def by_upload(api: Api, services: Services, image: Sample) -> None:
    await api.upload(Exam(image.patient_id, image.study).image().content)


async def by_another_replica(api: Api, services: Services, image: Sample) -> None:
    """It has appended the event to the log that all share."""
    event = NewExamEvent(
        received_at=now(), study_instance_uid=image.study, patient_id=image.patient_id, modalities=[], body={}
    )
    await services.store.append_event(event)


@pytest.mark.parametrize("tell", [by_callback, by_upload, by_another_replica])
async def test_news_of_a_study_drop_what_is_kept_of_it(tell: Tell, api: Api, app: Starlette) -> None:
    services: Services = app.state.services
    image = Exam().image()
    await api.upload(image.content)
    await api.ask(TREE, p=image.patient_id)
    assert services.pacs.cached_bytes > 0

    await tell(api, services, image)

    async with asyncio.timeout(_PATIENCE_SECONDS):
        while services.pacs.cached_bytes:
            await asyncio.sleep(0.01)


async def test_news_of_another_study_do_not(api: Api, app: Starlette) -> None:
    services: Services = app.state.services
    image = Exam().image()
    await api.upload(image.content)
    await api.ask(TREE, p=image.patient_id)
    kept = services.pacs.cached_bytes
    await by_callback(api, services, Exam().image())
    await by_upload(api, services, Exam().image())
    assert services.pacs.cached_bytes == kept > 0
