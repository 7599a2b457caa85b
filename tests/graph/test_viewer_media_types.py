"""Media types that the embedded PACS does not have, and other PACSs may."""

import httpx

from tests.graph.test_viewer_dicomweb import ROOT, client, image  # noqa: F401  # pytest finds fixtures by name
from tests.samples import Sample


async def test_frames_of_a_kind_that_the_pacs_does_not_make_are_406(
    client: httpx.AsyncClient,  # noqa: F811  # pytest fills in the fixture
    image: Sample,  # noqa: F811  # pytest fills in the fixture
) -> None:
    path = f"{ROOT}/studies/{image.study}/series/{image.series}/instances/{image.instance}/frames/1"

    response = await client.get(path, headers={"Accept": 'multipart/related; type="image/jpeg"'})

    assert response.status_code == 406
    assert response.headers["content-type"] == "application/problem+json"
