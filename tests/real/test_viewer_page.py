"""The viewer's page in a real browser, opened by a real link, with real images of several kinds in one study."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pydicom
import pytest

from graph.archive_process import running_archive
from graph.settings import Settings
from pacs.uids import new_uid
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.real.chromium import Page, chromium
from tests.samples import file, sample

IMAGES = (
    "J2K_pixelrep_mismatch.dcm",
    "examples_overlay.dcm",
    "CT_small.dcm",
    "examples_ybr_color.dcm",
    "examples_jpeg2k.dcm",
    "reportsi.dcm",
)
CREATE = """mutation ($input: CreateViewerTokenInput!) { createViewerToken(input: $input) { url } }"""
STUDY = new_uid()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An embedded PACS of this module's own."""
    with running_archive(["--data-dir", str(tmp_path_factory.mktemp("archive"))], dict(os.environ)) as socket:
        yield socket


@pytest.fixture
async def url(archive: Path, tmp_path: Path) -> AsyncIterator[str]:
    """A server with the study."""
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", archive_socket=archive)
    async with serving(settings) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        results = await Api(client).upload(*of_one_study())
        assert all(result["error"] is None for result in results), results
        yield url


def of_one_study() -> Iterator[bytes]:
    for number, name in enumerate(IMAGES, 1):
        dataset = pydicom.dcmread(file(name))
        dataset.StudyInstanceUID, dataset.PatientID = STUDY, "P-1"
        dataset.PatientName, dataset.PatientBirthDate, dataset.PatientSex = "Example^Erika", "19700131", "F"
        dataset.StudyDate, dataset.StudyDescription = "20260131", "Follow-up"
        dataset.SeriesNumber = number
        yield sample(dataset).content
    dataset = pydicom.dcmread(file(IMAGES[0]))
    dataset.StudyInstanceUID, dataset.PatientID = STUDY, "P-1"
    dataset.SOPInstanceUID, dataset.InstanceNumber = f"{STUDY}.2", 2
    yield sample(dataset).content


async def link(url: str, role: str) -> str:
    async with httpx.AsyncClient(base_url=url) as client:
        data = await Api(client).ask(CREATE, input={"studyInstanceUID": STUDY, "role": role})
    address: str = data["createViewerToken"]["url"]
    return address


async def picture_shown(page: Page) -> None:
    await page.until("document.querySelector('#image').naturalWidth > 0 && !document.querySelector('.loading')")


async def open_series(page: Page, number: int) -> None:
    await page.run(f"document.querySelectorAll('#series button')[{number - 1}].click()")
    await page.until(f"document.querySelectorAll('#series button')[{number - 1}].ariaCurrent === 'true'")


async def keep_screenshot(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"viewer-{name}.png")


async def test_a_patient_looks_through_the_series(url: str, tmp_path: Path) -> None:
    async with chromium(tmp_path) as page:
        await page.open(await link(url, "PATIENT"))
        await page.until("document.querySelectorAll('#series button').length === 6")
        await picture_shown(page)

        assert "token" not in await page.run("location.href")
        assert "Example, Erika" in await page.run("document.querySelector('#patient').textContent")
        assert await page.run("document.querySelector('#drag').hidden && document.querySelector('#download').hidden")
        await page.until("[...document.querySelectorAll('#series img')].every((image) => image.complete)")
        await keep_screenshot(page, "patient")

        first = await page.run("document.querySelector('#image').src")
        await page.run("document.querySelector('#next').click()")
        await page.until(f"document.querySelector('#image').src !== {first!r}")
        assert await page.run("document.querySelector('#image-number').textContent") == "2 / 2"

        await open_series(page, 4)
        await page.until("!document.querySelector('#frames').hidden")
        await page.run("document.querySelector('#next-frame').click()")
        await picture_shown(page)
        assert await page.run("document.querySelector('#frame-number').textContent") == "2 / 30"
        await keep_screenshot(page, "patient-ultrasound")

        await open_series(page, 6)
        await page.until("!document.querySelector('#message').hidden")
        assert "structured report" in await page.run("document.querySelector('#message').textContent")
        await keep_screenshot(page, "patient-report")


async def test_a_doctor_drags_the_window_zooms_and_downloads(url: str, tmp_path: Path) -> None:
    async with chromium(tmp_path) as page:
        await page.open(await link(url, "DIAGNOSTIC"))
        await page.until("document.querySelectorAll('#series button').length === 6")
        await picture_shown(page)
        await keep_screenshot(page, "diagnostic")

        before = await page.run("document.querySelector('#image').src")
        await drag(page, (700, 500), (900, 450))
        await page.until(f"document.querySelector('#image').src !== {before!r}")
        await picture_shown(page)
        assert "width" in await page.run("document.querySelector('#corner').textContent")
        await keep_screenshot(page, "diagnostic-window")

        await page.run("document.querySelector('[data-tool=zoom]').click()")
        await drag(page, (700, 600), (700, 400))
        assert "scale(2.7" in await page.run("document.querySelector('#image').style.transform")
        await keep_screenshot(page, "diagnostic-zoom")

        await open_series(page, 2)
        await page.until("document.querySelector('#image-number').textContent === '1 / 1'")
        await picture_shown(page)
        await keep_screenshot(page, "diagnostic-mr")

        size = await page.run(
            "fetch(document.querySelector('#download').href, {headers: {Accept: 'text/html, */*;q=0.8'}})"
            ".then((answer) => answer.blob()).then((file) => file.size)"
        )
        assert size > 10_000


async def test_a_link_works_once_and_the_next_who_opens_it_is_told(url: str, tmp_path: Path) -> None:
    address = await link(url, "PATIENT")
    async with chromium(tmp_path) as page:
        await page.open(address)
        await picture_shown(page)
        await page.open(address)
        assert "used already" in await page.run("document.body.textContent")
        await keep_screenshot(page, "used")


async def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    async def mouse(kind: str, place: tuple[int, int]) -> None:
        await page.call(
            "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", buttons=1, clickCount=1
        )

    await mouse("mousePressed", start)
    for step in range(1, 6):
        at = tuple(a + (b - a) * step // 5 for a, b in zip(start, end, strict=True))
        await mouse("mouseMoved", (at[0], at[1]))
    await mouse("mouseReleased", end)
