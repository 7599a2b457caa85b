"""What the tests of the viewer share: studies, links, and browsers that open them."""

import httpx
from starlette.applications import Starlette

from tests.graph.api import Api
from tests.samples import Exam, Sample

CREATE = """mutation ($input: CreateViewerTokenInput!) {
  createViewerToken(input: $input) { token role expiresAt url } }"""


def browser(app: Starlette) -> httpx.AsyncClient:
    """A browser of its own: cookies, and no redirects followed."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", timeout=30)


async def stored(api: Api, exam: Exam, *images: Sample) -> list[Sample]:
    """Images of a study (one, unless given), stored in the PACS."""
    samples = list(images) or [exam.image()]
    results = await api.upload(*(sample.content for sample in samples))
    assert all(result["error"] is None for result in results), results
    return samples


async def created(api: Api, study: str, **more: object) -> dict[str, str]:
    """The payload of createViewerToken."""
    data = await api.ask(CREATE, input={"studyInstanceUID": study, **more})
    payload: dict[str, str] = data["createViewerToken"]
    return payload


async def opened(client: httpx.AsyncClient, api: Api, study: str, **more: object) -> httpx.Response:
    """Opens a new link to the study in this browser."""
    response = await client.get((await created(api, study, **more))["url"])
    assert response.status_code == 303, response.text
    return response
