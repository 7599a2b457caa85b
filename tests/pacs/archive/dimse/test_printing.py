"""Films: what a modality asks for is what is on the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicColorImageBox,
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
    PresentationLUT,
)

from pacs.archive.dimse.printing.film import compose
from pacs.archive.dimse.printing.layout import boxes_of, sheet_of
from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.placement import to_dots
from pacs.archive.dimse.printing.refused import Refused
from pacs.archive.dimse.printing.session import PrintSession
from tests.pacs.archive.dimse.films import (
    FILM_UID,
    SESSION_UID,
    attributes,
    color_image,
    film_box,
    gray_image,
    image_box,
)

DARK_LEFT = np.repeat(np.array([[0, 255]], dtype=np.uint8), 50, axis=1).repeat(100, axis=0)


class Film:
    """A film session with one film box, and the page as it would be printed."""

    def __init__(self, prints: Path, box: Dataset, *, color: bool = False, memory: PrinterMemory | None = None) -> None:
        self.color = color
        self.session = PrintSession(prints, memory)
        self.session.create(BasicFilmSession, SESSION_UID, attributes(FilmSessionLabel="Film"))
        _, answer = self.session.create(BasicFilmBox, FILM_UID, box, color=color)
        assert answer is not None
        self.images = [str(item.ReferencedSOPInstanceUID) for item in answer.ReferencedImageBoxSequence]

    def put(self, item: Dataset | None, at: int = 0, **values: Any) -> int:
        sop_class = BasicColorImageBox if self.color else BasicGrayscaleImageBox
        return self.session.set(sop_class, self.images[at], image_box(item, color=self.color, **values))[0]

    def page(self) -> Image.Image:
        assert self.session._session is not None
        return compose(self.session._session.films[FILM_UID].sheet(""))


def shades(page: Image.Image, *, rows: int = 1, columns: int = 2) -> list[list[int]]:
    """The gray in the middle of each field of a page that is divided evenly."""
    gray = page.convert("L")
    return [
        [
            gray.getpixel((int((x + 0.5) * page.width / columns), int((y + 0.5) * page.height / rows)))  # type: ignore[misc]
            for x in range(columns)
        ]
        for y in range(rows)
    ]


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


def extent(page: Image.Image) -> tuple[int, int]:
    left, top, right, bottom = page.getbbox() or (0, 0, 0, 0)
    return right - left, bottom - top


WHITE = np.full((100, 200), 255, dtype=np.uint8)


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


def test_an_empty_sequence_removes_the_image(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(EmptyImageDensity="WHITE"))
    film.put(gray_image(DARK_LEFT))
    film.put(None)

    assert shades(film.page()) == [[255, 255]]


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


def test_trim_draws_a_frame_around_the_image(tmp_path: Path) -> None:
    plain, trimmed = Film(tmp_path, film_box()), Film(tmp_path, film_box(Trim="YES"))

    assert plain.page().getbbox() is None
    trimmed.put(gray_image(np.zeros((10, 10), dtype=np.uint8)))

    assert trimmed.page().getbbox() is not None


def test_a_printed_film_is_one_pdf_of_the_sheets_size(tmp_path: Path) -> None:
    film = Film(tmp_path / "prints", film_box(FilmSizeID="14INX17IN"))
    film.put(gray_image(DARK_LEFT))

    assert film.session.action(BasicFilmBox, FILM_UID, 1)[0] == 0x0000

    (pdf,) = (tmp_path / "prints").iterdir()
    content = pdf.read_bytes()
    assert pdf.suffix == ".pdf"
    assert content.startswith(b"%PDF")
    assert b"[ 0 0 1008.0 1224.0 ]" in content  # 14 × 17 inches of 72 points


def test_a_session_prints_all_its_films_and_says_when_one_is_empty(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(FilmSizeID="8INX10IN"))
    film.session.create(BasicFilmBox, "1.2.3.3", film_box(FilmSizeID="8INX10IN"))
    film.put(gray_image(DARK_LEFT))

    status, _ = film.session.action(BasicFilmSession, SESSION_UID, 1)

    assert status == 0xB603
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ImageDisplayFormat": "SLIDE"}, 0x0106),
        ({"ImageDisplayFormat": "STANDARD\\0,1"}, 0x0106),
        ({"ImageDisplayFormat": "STANDARD\\99,99"}, 0x0106),
        ({"ImageDisplayFormat": "STANDARD\\1"}, 0x0106),
        ({"ImageDisplayFormat": "STANDARD\\x,y"}, 0x0106),
        ({"ImageDisplayFormat": ""}, 0x0120),
        ({"FilmSizeID": "POSTCARD"}, 0x0106),
        ({"FilmOrientation": "DIAGONAL"}, 0x0106),
        ({"MagnificationType": "GUESS"}, 0x0106),
        ({"BorderDensity": "PINK"}, 0x0106),
        ({"Trim": "MAYBE"}, 0x0106),
        ({"ReferencedFilmSessionSequence": []}, 0x0120),
    ],
)
def test_a_film_that_cannot_be_made_is_refused(tmp_path: Path, values: dict[str, Any], status: int) -> None:
    box = film_box()
    for keyword, value in values.items():
        setattr(box, keyword, value)

    with pytest.raises(Refused) as error:
        Film(tmp_path, box)

    assert error.value.status == status


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"Rows": 99}, 0x0106),
        ({"Rows": 0}, 0x0106),
        ({"Rows": 65535, "Columns": 65535}, 0x0106),
        ({"BitsAllocated": 32}, 0x0106),
        ({"BitsStored": 9}, 0x0106),
        ({"PixelRepresentation": 1}, 0x0106),
        ({"PhotometricInterpretation": "RGB"}, 0x0106),
        ({"SamplesPerPixel": 3}, 0x0106),
        ({"Columns": None}, 0x0120),
    ],
)
def test_an_image_that_lies_about_itself_is_refused(tmp_path: Path, values: dict[str, Any], status: int) -> None:
    film = Film(tmp_path, film_box())
    item = gray_image(DARK_LEFT)
    for keyword, value in values.items():
        setattr(item, keyword, value)

    with pytest.raises(Refused) as error:
        film.put(item)

    assert error.value.status == status


def test_images_beyond_the_memory_that_all_sessions_share_are_refused(tmp_path: Path) -> None:
    memory = PrinterMemory(2 * DARK_LEFT.size)
    film, other = Film(tmp_path, film_box("STANDARD\\2,1"), memory=memory), Film(tmp_path, film_box(), memory=memory)
    film.put(gray_image(DARK_LEFT))
    other.put(gray_image(DARK_LEFT))

    with pytest.raises(Refused) as error:
        film.put(gray_image(DARK_LEFT), at=1)
    assert error.value.status == 0xC605

    film.put(gray_image(255 - DARK_LEFT))
    other.session.close()
    assert film.put(gray_image(DARK_LEFT), at=1) == 0x0000


def test_what_does_not_exist_cannot_be_changed(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())

    cases: list[tuple[Callable[[], object], int]] = [
        (lambda: film.session.create(BasicFilmSession, "1.2.3.8", Dataset()), 0x0111),
        (lambda: film.session.create(BasicFilmBox, FILM_UID, film_box()), 0x0111),
        (lambda: film.session.create("1.2.3", "1.2.3.8", Dataset()), 0x0118),
        (lambda: film.session.set(BasicGrayscaleImageBox, "1.2.3.8", Dataset()), 0x0112),
        (lambda: film.session.set(BasicFilmBox, FILM_UID, attributes(FilmSizeID="A4")), 0x0106),
        (lambda: film.session.action(BasicFilmBox, "1.2.3.8", 1), 0x0112),
        (lambda: film.session.action(BasicFilmBox, FILM_UID, 2), 0x0211),
        (lambda: film.session.delete(BasicFilmBox, "1.2.3.8"), 0x0112),
    ]
    for refused, status in cases:
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.status == status


def test_an_empty_session_prints_nothing(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box())
    film.session.delete(BasicFilmBox, FILM_UID)

    with pytest.raises(Refused) as error:
        film.session.action(BasicFilmSession, SESSION_UID, 1)

    assert error.value.status == 0xC600
    film.session.delete(BasicFilmSession, SESSION_UID)
    assert film.session.create(BasicFilmSession, "1.2.3.8", Dataset())[0] == 0x0000
