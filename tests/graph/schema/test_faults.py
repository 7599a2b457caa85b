"""What the API says when the PACS is away, and when it or the server's limits refuse a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.settings import Settings
from tests.graph.api import UPLOAD, Api
from tests.graph.conftest import serving
from tests.real.server import free_port
from tests.samples import Exam


@asynccontextmanager
async def served(tmp_path: Path, **changes: Any) -> AsyncIterator[Api]:
    """A client of a server with these settings."""
    settings = Settings(_env_file=None, data_dir=tmp_path, **changes)
    async with serving(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Api(client)


@pytest.mark.parametrize(
    "query",
    [
        '{ studies(patientID: "P") { totalCount } }',
        '{ series(patientID: "P", studyInstanceUID: "1.2") { modality } }',
        '{ workitems(patientID: "P") { nodes { state } } }',
    ],
)
async def test_a_pacs_that_is_away_is_one_error_with_a_code(tmp_path: Path, query: str) -> None:
    async with served(tmp_path, pacs_url=f"http://127.0.0.1:{free_port()}/dicom-web") as api:
        error = await api.error(query)
        ready = await api.http.get("/health/ready")

    assert (error["code"], error["status"]) == ("PACS_UNAVAILABLE", 502)
    assert ready.status_code == 503
    assert (ready.json()["store"], ready.json()["pacs"]) == ("ok", "the PACS cannot be reached")


async def test_files_over_rest_are_problems_when_the_pacs_is_away(tmp_path: Path) -> None:
    async with served(tmp_path, pacs_url=f"http://127.0.0.1:{free_port()}/dicom-web") as api:
        path = "/exams/studies/1.2/series/1.2/instance/1.2"
        answers = [await api.http.get(path, params={"fileType": kind}) for kind in ("application/dicom", "image/jpeg")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(502, "PACS_UNAVAILABLE")] * 2


async def test_an_upload_to_nowhere_is_the_mutations_error(tmp_path: Path) -> None:
    image = Exam().image()
    async with served(tmp_path, pacs_url=f"http://127.0.0.1:{free_port()}/dicom-web") as api:
        files: dict[str, Any] = {
            "operations": (None, f'{{"query": "{" ".join(UPLOAD.split())}", "variables": {{"files": [null]}}}}'),
            "map": (None, '{"0": ["variables.files.0"]}'),
            "0": ("a.dcm", image.content),
        }
        answer = (await api.http.post("/graphql", files=files, headers={"X-Requested-With": "test"})).json()

    assert answer["errors"][0]["extensions"]["code"] == "PACS_UNAVAILABLE"


async def test_a_file_over_the_limit_fails_alone(tmp_path: Path, archive_socket: Path) -> None:
    small, large = Exam().image(), Exam().image(PixelData=b"\0" * 20_000, Rows=100, Columns=100)
    assert len(small.content) < 10_000 < len(large.content)
    async with served(tmp_path, archive_socket=archive_socket, max_upload_bytes=10_000) as api:
        first, second = await api.upload(large.content, small.content)

    assert first["error"]["code"] == "TOO_LARGE"
    assert second["instance"]["sopInstanceUID"] == small.instance


async def test_too_many_files_and_a_missing_guard_are_refused_as_a_whole(tmp_path: Path, archive_socket: Path) -> None:
    files: dict[str, Any] = {"operations": (None, "{}"), "map": (None, "{}"), "0": ("a", b"a"), "1": ("b", b"b")}
    async with served(tmp_path, archive_socket=archive_socket, max_upload_files=1) as api:
        too_many = await api.http.post("/graphql", files=files, headers={"GraphQL-Require-Preflight": "1"})
        unguarded = await api.http.post("/graphql", files=files)

    assert (too_many.status_code, unguarded.status_code) == (400, 400)


async def test_another_patients_image_in_a_stored_study_is_refused(api: Api) -> None:
    exam = Exam()
    await api.upload(exam.image().content)

    (result,) = await api.upload(Exam(study=exam.study).image().content)

    assert result["error"]["code"] == "REFUSED_BY_PACS"


async def test_uids_are_made_under_the_organisations_root(tmp_path: Path, archive_socket: Path) -> None:
    async with served(tmp_path, archive_socket=archive_socket, dicom_uid_root="1.2.826.0.1.3680043.8.498") as api:
        uids = (await api.ask("mutation { generateUIDs(count: 50) { uids } }"))["generateUIDs"]["uids"]

    assert len(set(uids)) == 50
    assert all(uid.startswith("1.2.826.0.1.3680043.8.498.") and len(uid) == 64 for uid in uids)
