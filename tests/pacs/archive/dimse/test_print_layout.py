"""Printed films: where on the sheet images are, and how large."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pacs.archive.dimse.printing.layout import boxes_of, sheet_of
from pacs.archive.dimse.printing.placement import to_dots
from pacs.archive.dimse.printing.refused import Refused
from tests.pacs.archive.dimse.films import Film, film_box, gray_image, shades

WHITE = np.full((100, 200), 255, dtype=np.uint8)


def extent(page: Image.Image) -> tuple[int, int]:
    left, top, right, bottom = page.getbbox() or (0, 0, 0, 0)
    return right - left, bottom - top


def test_the_image_boxes_are_filled_row_by_row(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box("STANDARD\\2,3", FilmSizeID="A4", EmptyImageDensity="WHITE"))
    for position, value in enumerate((10, 60, 110, 160, 210)):
        film.put(gray_image(np.full((40, 40), value, dtype=np.uint8)), at=position)

    assert shades(film.page(), rows=3) == [[10, 60], [110, 160], [210, 255]]


@pytest.mark.parametrize(
    ("display_format", "count"),
    [
        ("STANDARD\\4,5", 20),
        ("ROW\\1,3,2", 6),
        ("COL\\2,1", 3),
        ("STANDARD\\1,1", 1),
        ("STANDARD\\1,100", 100),
        ("ROW\\11,12", 23),
    ],
)
def test_every_display_format_lies_within_the_sheet_without_overlap(display_format: str, count: int) -> None:
    sheet = sheet_of("14INX17IN", "PORTRAIT")
    boxes = boxes_of(display_format, sheet)

    assert len(boxes) == count
    for n, one in enumerate(boxes):
        assert one.left > 0
        assert one.top > 0
        assert one.left + one.width < sheet[0]
        assert one.top + one.height < sheet[1]
        for other in boxes[n + 1 :]:
            apart = one.left + one.width < other.left or other.left + other.width < one.left
            assert apart or one.top + one.height < other.top or other.top + other.height < one.top


@pytest.mark.parametrize(
    ("size", "orientation", "inches"),
    [("14INX17IN", "PORTRAIT", (14, 17)), ("14INX17IN", "LANDSCAPE", (17, 14)), ("8INX10IN", "PORTRAIT", (8, 10))],
)
def test_the_sheet_has_the_size_and_orientation_that_were_asked_for(
    tmp_path: Path, size: str, orientation: str, inches: tuple[int, int]
) -> None:
    film = Film(tmp_path, film_box(FilmSizeID=size, FilmOrientation=orientation))

    assert film.page().size == (inches[0] * 300, inches[1] * 300)


def test_an_image_fills_its_box_and_keeps_its_shape(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(FilmSizeID="8INX10IN"))
    film.put(gray_image(WHITE))

    width, height = extent(film.page())

    assert width == to_dots(8 * 25.4 - 10)
    assert height == pytest.approx(width / 2, abs=1)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(FilmSizeID="8INX10IN"))
    film.put(gray_image(WHITE, PixelAspectRatio=[2, 1]))

    width, height = extent(film.page())

    assert height == pytest.approx(width, abs=1)


def test_a_requested_image_size_is_its_width_in_millimetres(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())

    assert film.put(gray_image(WHITE), RequestedImageSize="50.8") == 0x0000

    assert extent(film.page()) == (600, 300)


def test_without_magnification_a_pixel_is_a_dot(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(MagnificationType="NONE"))
    film.put(gray_image(WHITE))

    assert extent(film.page()) == (200, 100)


@pytest.mark.parametrize(
    ("behavior", "status", "full"),
    [({}, 0xB604, False), ({"RequestedDecimateCropBehavior": "DECIMATE"}, 0xB60A, False),
     ({"RequestedDecimateCropBehavior": "CROP"}, 0xB609, True)],
)  # fmt: skip
def test_an_image_larger_than_its_box_is_made_to_fit_with_a_warning(
    tmp_path: Path, behavior: dict[str, Any], status: int, full: bool
) -> None:
    film = Film(tmp_path, film_box(FilmSizeID="8INX10IN"))

    assert film.put(gray_image(WHITE), RequestedImageSize="900", **behavior) == status

    width, height = extent(film.page())
    assert width == to_dots(8 * 25.4 - 10)
    assert (height == to_dots(10 * 25.4 - 10)) is full


def test_an_image_that_must_fit_and_does_not_is_refused_and_the_earlier_one_stays(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(FilmSizeID="8INX10IN"))
    film.put(gray_image(np.full((10, 10), 77, dtype=np.uint8)))

    with pytest.raises(Refused) as error:
        film.put(gray_image(WHITE), RequestedImageSize="900", RequestedDecimateCropBehavior="FAIL")

    assert error.value.status == 0xC603
    assert shades(film.page(), columns=1) == [[77]]


def test_trim_draws_a_frame_around_the_image(tmp_path: Path) -> None:
    plain, trimmed = Film(tmp_path, film_box()), Film(tmp_path, film_box(Trim="YES"))

    assert plain.page().getbbox() is None
    trimmed.put(gray_image(np.zeros((10, 10), dtype=np.uint8)))

    assert trimmed.page().getbbox() is not None
