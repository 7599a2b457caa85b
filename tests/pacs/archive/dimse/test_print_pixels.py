"""Printed films: the grays and colours on the page are those of the images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PresentationLUT,
)

from tests.pacs.archive.dimse.films import DARK_LEFT, Film, attributes, color_image, film_box, gray_image, shades


@pytest.mark.parametrize(
    ("changes", "photometric", "left_and_right"),
    [
        ({}, "MONOCHROME2", [0, 255]),
        ({"Polarity": "REVERSE"}, "MONOCHROME2", [255, 0]),
        ({}, "MONOCHROME1", [255, 0]),
        ({"Polarity": "REVERSE"}, "MONOCHROME1", [0, 255]),
    ],
)
def test_polarity_and_photometric_interpretation_say_what_is_black(
    tmp_path: Path, changes: dict[str, Any], photometric: str, left_and_right: list[int]
) -> None:
    film = Film(tmp_path, film_box())

    film.put(gray_image(DARK_LEFT, PhotometricInterpretation=photometric), **changes)

    assert shades(film.page()) == [left_and_right]


def test_twelve_bits_are_brought_to_eight(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())

    film.put(gray_image((DARK_LEFT.astype(np.uint16) * 16), BitsStored=12))

    assert shades(film.page()) == [[0, 254]]


@pytest.mark.parametrize("planar", [0, 1])
def test_color_is_printed_by_pixel_and_by_plane(tmp_path: Path, planar: int) -> None:
    pixels = np.zeros((10, 10, 3), dtype=np.uint8)
    pixels[:, :, 0] = 200
    film = Film(tmp_path, film_box(), color=True)

    film.put(color_image(pixels, planar))

    page = film.page()
    assert page.mode == "RGB"
    assert page.getpixel((page.width // 2, page.height // 2)) == (200, 0, 0)


def test_replicate_keeps_edges_and_cubic_smooths_them(tmp_path: Path) -> None:
    grays: dict[str, int] = {}
    for magnification in ("REPLICATE", "CUBIC"):
        film = Film(tmp_path, film_box(MagnificationType=magnification))
        film.put(gray_image(DARK_LEFT[::50, ::50].copy()))
        grays[magnification] = len(set(film.page().tobytes()))

    assert grays["REPLICATE"] == 2
    assert grays["CUBIC"] > 50


def test_a_presentation_lut_is_applied(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())
    table = attributes(LUTDescriptor=[256, 0, 8], LUTData=np.arange(255, -1, -1, dtype="<u2").tobytes())
    film.session.create(PresentationLUT, "1.2.3.9", attributes(PresentationLUTSequence=[table]))
    reference = attributes(ReferencedSOPClassUID=PresentationLUT, ReferencedSOPInstanceUID="1.2.3.9")

    film.put(gray_image(DARK_LEFT), ReferencedPresentationLUTSequence=[reference])

    assert shades(film.page()) == [[255, 0]]


def test_linear_optical_density_is_darker_than_p_values(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())
    film.session.create(PresentationLUT, "1.2.3.9", attributes(PresentationLUTShape="LIN OD"))
    reference = attributes(ReferencedSOPClassUID=PresentationLUT, ReferencedSOPInstanceUID="1.2.3.9")

    film.put(gray_image(np.full((9, 9), 128, dtype=np.uint8)), ReferencedPresentationLUTSequence=[reference])

    assert shades(film.page(), columns=1) == [[53]]  # half of 3 OD: 255 · 10^(−1.494 / 2.2)
