"""The renderer: pictures by worker processes that may die."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from pacs.errors import NO_PICTURE, NoPicture
from pacs.rendering.request import Picture, Rendering
from pacs.thumbnails import Renderer
from tests.pacs.thumbnail_files import WHEEL, dataset, image_dataset, save, wheel_file

THUMBNAIL = Rendering(viewport=(128, 128), thumbnail=True)
# Files of the wheel that have pixel data, and yet no picture: without rows and columns, or broken on purpose.
WITHOUT_PICTURE = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "too_large",  # its codestream says 3,722,445,056 columns
    "meta_missing_tsyntax.dcm": "not_dicom",
    "nested_priv_SQ.dcm": "damaged",
}


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    made = Renderer(workers=2)
    yield made
    await made.aclose()


def decoded(picture: Picture) -> pillow.Image:
    return pillow.open(io.BytesIO(picture.body))


async def test_a_thumbnail_fits_its_viewport_and_keeps_its_proportions(renderer: Renderer) -> None:
    picture = await renderer.render(wheel_file("examples_overlay.dcm"), THUMBNAIL)

    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 128, 79)
    assert decoded(picture).size == (128, 79)


@pytest.mark.parametrize(
    ("content_type", "format_"), [("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/gif", "GIF")]
)
@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_rgb_color.dcm"])
async def test_pictures_come_in_the_type_asked_for(
    renderer: Renderer, name: str, content_type: str, format_: str
) -> None:
    picture = await renderer.render(wheel_file(name), Rendering(content_type=content_type))  # type: ignore[arg-type]  # parametrized

    assert decoded(picture).format == format_
    assert picture.content_type == content_type


async def test_every_picture_file_of_pydicom_is_shown(renderer: Renderer) -> None:
    names = sorted(path.name for path in WHEEL.iterdir() if path.suffix == ".dcm")

    async def outcome(name: str) -> str:
        try:
            picture = await renderer.render(WHEEL / name, THUMBNAIL)
        except NoPicture as nothing:
            return nothing.reason
        assert decoded(picture).size == (picture.width, picture.height)
        return "shown"

    outcomes = dict(zip(names, await asyncio.gather(*map(outcome, names)), strict=True))

    assert sum(seen == "shown" for seen in outcomes.values()) == 61
    assert {name: outcomes[name] for name in WITHOUT_PICTURE} == WITHOUT_PICTURE
    assert set(outcomes.values()) == {"shown", "too_large", "not_dicom", "damaged", "no_pixels", "report"}


async def test_content_is_shown_as_its_file_is_and_nothing_of_the_one_before() -> None:
    renderer = Renderer(workers=1)
    try:
        for name in ("examples_rgb_color.dcm", "CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm"):
            path = wheel_file(name)
            assert await renderer.render(path.read_bytes(), THUMBNAIL) == await renderer.render(path, THUMBNAIL), name
        with pytest.raises(NoPicture, match=NO_PICTURE["not_dicom"]):
            await renderer.render(b"", THUMBNAIL)
    finally:
        await renderer.aclose()


async def test_reports_and_presentation_states_say_why_they_have_no_picture(renderer: Renderer, tmp_path: Path) -> None:
    state = save(dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1"), tmp_path / "state.dcm")

    with pytest.raises(NoPicture, match="presentation state") as caught:
        await renderer.render(state, THUMBNAIL)
    assert caught.value.reason == "presentation_state"
    with pytest.raises(NoPicture, match="structured report"):
        await renderer.render(wheel_file("reportsi.dcm"), THUMBNAIL)


async def test_a_frame_that_does_not_exist_is_refused(renderer: Renderer) -> None:
    with pytest.raises(NoPicture, match="no frame of that number"):
        await renderer.render(wheel_file("rtdose.dcm"), Rendering(frame=16))


async def test_a_missing_file_is_an_error_of_the_caller(renderer: Renderer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await renderer.render(tmp_path / "none.dcm", THUMBNAIL)


linux_only = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")


def worker_pids() -> set[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if b"pacs.rendering.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.fixture
def slow_file(tmp_path: Path) -> Path:
    """A named pipe that nobody writes to: whoever opens it waits."""
    path = tmp_path / "slow.dcm"
    os.mkfifo(path)
    return path


@linux_only
async def test_a_picture_that_takes_too_long_is_one_failure_and_a_new_worker(slow_file: Path) -> None:
    renderer = Renderer(workers=1, timeout_seconds=0.5)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        before = worker_pids()

        with pytest.raises(NoPicture) as caught:
            await renderer.render(slow_file, THUMBNAIL)

        assert (caught.value.reason, caught.value.transient) == ("timed_out", True)
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
        assert len(worker_pids()) == 1
        assert worker_pids().isdisjoint(before)
    finally:
        await renderer.aclose()
    assert worker_pids() == set()


@linux_only
async def test_a_worker_that_crashes_is_one_failure_and_a_new_worker(slow_file: Path) -> None:
    renderer = Renderer(workers=1)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        waiting = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0.1)

        os.kill(worker_pids().pop(), signal.SIGSEGV)

        with pytest.raises(NoPicture) as caught:
            await waiting
        assert caught.value.reason == "crashed"
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    finally:
        await renderer.aclose()


@linux_only
async def test_a_picture_that_needs_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    large = save(image_dataset(np.zeros((2000, 2000), "u2")), tmp_path / "large.dcm")
    renderer = Renderer(workers=1, memory_bytes=17 << 20)
    try:
        with pytest.raises(NoPicture) as caught:
            await renderer.render(large, Rendering(content_type="image/png"))
        assert caught.value.reason == "out_of_memory"
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    finally:
        await renderer.aclose()


@linux_only
async def test_workers_are_replaced_after_their_share_of_pictures() -> None:
    renderer = Renderer(workers=1, recycle_after=3)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        first = worker_pids()
        while worker_pids() & first:
            assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
        await asyncio.sleep(0)
        assert len(worker_pids()) == 1
    finally:
        await renderer.aclose()


async def test_who_comes_beyond_the_queue_is_told_so(slow_file: Path) -> None:
    renderer = Renderer(workers=1, most_waiting=1, timeout_seconds=1)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        first = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0)
        with pytest.raises(NoPicture) as caught:
            await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        assert (caught.value.reason, caught.value.transient) == ("busy", True)
    finally:
        await renderer.aclose()
    for left in (first, second):
        with pytest.raises(NoPicture, match=NO_PICTURE["busy"]):
            await left
    with pytest.raises(RuntimeError, match="closed"):
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)


@linux_only
async def test_who_goes_away_costs_no_worker(renderer: Renderer) -> None:
    await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
    before = worker_pids()
    impatient = [asyncio.create_task(renderer.render(wheel_file("693_J2KI.dcm"), THUMBNAIL)) for _ in range(20)]
    await asyncio.sleep(0.02)
    for task in impatient:
        task.cancel()

    assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    assert worker_pids() >= before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"frame": 0}, "frames count from 1"),
        ({"viewport": (100000, 100000)}, "1 to 4096"),
        ({"viewport": (0, 1)}, "1 to 4096"),
        ({"quality": 0}, "1 to 100"),
        ({"content_type": "image/webp"}, "image/jpeg, image/png, image/gif"),
    ],
)
def test_a_wrong_rendering_says_what_is_right(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Rendering(**wrong)  # type: ignore[arg-type]  # wrong on purpose
