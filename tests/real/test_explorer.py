"""The page at GET /graphql in a real browser: a query, an upload, a subscription."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graph.archive_process import running_archive
from graph.settings import Settings
from tests.graph.conftest import serving
from tests.real.chromium import Page, chromium
from tests.samples import Exam


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A server with an embedded PACS of its own."""
    with running_archive(["--data-dir", str(tmp_path / "archive")], dict(os.environ)) as socket:
        yield Settings(_env_file=None, data_dir=tmp_path / "data", archive_socket=socket)


async def write(page: Page, query: str) -> None:
    await page.run(f"document.querySelector('#query').value = {query!r}")
    await page.run("document.querySelector('#run').click()")


async def shown(page: Page, text: str) -> None:
    await page.until(f"document.querySelector('#result').textContent.includes({text!r})")


async def test_a_newcomer_tries_everything_in_the_page(settings: Settings, tmp_path: Path) -> None:
    exam = Exam()
    image = exam.image()
    file = tmp_path / "scan.dcm"
    file.write_bytes(image.content)
    async with serving(settings) as url, chromium(tmp_path) as page:
        await page.open(f"{url}/graphql")
        await page.until("document.querySelector('#docs').textContent.includes('studies')")

        await write(page, "{ me { subject } }")
        await shown(page, '"local"')

        await page.choose_files("#files", file)
        await write(
            page,
            "mutation ($files: [Upload!]!) { uploadExams(files: $files) { results { instance { sopInstanceUID } } } }",
        )
        await shown(page, image.instance)

        await write(page, "subscription { newExam { studyInstanceUID } }")
        await page.until("!document.querySelector('#stop').hidden")
        async with httpx.AsyncClient(base_url=url) as pacs:
            body = {"StudyInstanceUID": exam.study, "PatientID": exam.patient_id}
            for number in range(1, 51):  # until the subscription has begun; the same announcement is one event
                await pacs.post("/new-exam-callback", json=body | {"NumberOfStudyRelatedInstances": number})
                if exam.study in await page.run("document.querySelector('#result').textContent"):
                    break
                await asyncio.sleep(0.05)
        await shown(page, exam.study)
        if folder := os.environ.get("SCREENSHOTS"):
            await page.screenshot(Path(folder) / "explorer.png")
