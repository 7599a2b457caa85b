"""Films: what is printed, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
)

from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.refused import Refused
from tests.pacs.archive.dimse.films import (
    DARK_LEFT,
    FILM_UID,
    SESSION_UID,
    Film,
    attributes,
    film_box,
    gray_image,
    shades,
)


def test_an_empty_sequence_removes_the_image(tmp_path: Path) -> None:
    film = Film(tmp_path, film_box(EmptyImageDensity="WHITE"))
    film.put(gray_image(DARK_LEFT))
    film.put(None)

    assert shades(film.page()) == [[255, 255]]


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
