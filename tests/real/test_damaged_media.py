"""Offline media of a study that the disk has damaged: an error, or a zip without its end, never one that is short."""

from pathlib import Path

import httpx

from tests.graph.api import UPLOAD, Api
from tests.real.server import ServerProcess
from tests.samples import Exam


async def test_media_of_a_damaged_study_is_never_whole(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            exam = Exam()
            images = [exam.image() for _ in range(3)]
            for image in images:
                (result,) = await Api(client).upload(image.content, query=UPLOAD)
                assert result["instance"]
            query = {"fileType": "application/zip", "patientID": exam.patient_id}
            media = f"/exams/studies/{images[0].study}"
            assert (await client.get(media, params=query)).status_code == 200
            stored = sorted((server.data_dir / "archive" / "files").rglob("*.dcm"))
            for path in stored:
                path.write_bytes(path.read_bytes()[:-10])
                assert await outcome(client, media, query) in {"broken off", "502 PACS_ERROR"}
            assert await outcome(client, media, query) == "502 PACS_ERROR"
    finally:
        server.stop()


async def outcome(client: httpx.AsyncClient, path: str, query: dict[str, str]) -> str:
    try:
        answer = await client.get(path, params=query)
    except httpx.RemoteProtocolError:
        return "broken off"
    return f"{answer.status_code} {answer.json()['code']}" if answer.is_error else "whole"
