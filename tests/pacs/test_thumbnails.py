"""Pictures of files, or why they have none."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image as pillow

from pacs.errors import NO_PICTURE, NoPicture
from pacs.rendering.request import Picture, Rendering
from pacs.thumbnails import Renderer
from tests.pacs.thumbnail_files import WHEEL, dataset, save, wheel_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
THUMBNAIL = Rendering(viewport=(128, 128), thumbnail=True)
# Files of the wheel that have pixel data, and yet no picture: without rows and columns, or broken on purpose.
WITHOUT_PICTURE = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "too_large",  # its codestream says 3,722,445,056 columns
    "meta_missing_tsyntax.dcm": "not_dicom",
    "nested_priv_SQ.dcm": "damaged",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
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
