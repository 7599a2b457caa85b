"""Print Management on the DICOM network: from the film session to the PDF."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
    BasicGrayscalePrintManagementMeta,
    PresentationLUT,
    Printer,
    PrinterInstance,
)

from pacs.archive.dimse.printing import requests
from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.requests import print_service
from tests.pacs.archive.dimse.films import FILM_UID, SESSION_UID, attributes, film_box, gray_image, image_box
from tests.pacs.archive.dimse.network import dimse_threads, soon
from tests.pacs.archive.dimse.peer import associated, listening

META = BasicGrayscalePrintManagementMeta


async def printing(prints: Path, use: Any) -> Any:
    """What `use` makes of an association with a printer."""

    async with listening(print_service(prints)) as port:

        def run() -> Any:
            with associated(port, META, PresentationLUT) as association:
                return use(association)

        return await asyncio.to_thread(run)


def begun(one: Association) -> str:
    """Makes a film session and a film box; the UID of its image box."""
    session, _ = one.send_n_create(attributes(NumberOfCopies="1"), BasicFilmSession, SESSION_UID, meta_uid=META)
    status, film = one.send_n_create(film_box(), BasicFilmBox, FILM_UID, meta_uid=META)
    assert (session.Status, status.Status) == (0x0000, 0x0000)
    assert film is not None
    return str(film.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID)


async def test_a_film_is_printed(tmp_path: Path) -> None:
    large = gray_image(np.full((3000, 3000), 2000, dtype=np.uint16), BitsStored=12)  # 18 MB

    def use(one: Association) -> list[int]:
        image = begun(one)
        answers = [
            one.send_n_set(image_box(large), BasicGrayscaleImageBox, image, meta_uid=META)[0],
            one.send_n_action(None, 1, BasicFilmBox, FILM_UID, meta_uid=META)[0],
            one.send_n_delete(BasicFilmSession, SESSION_UID, meta_uid=META),
        ]
        return [answer.Status for answer in answers]

    assert await printing(tmp_path / "prints", use) == [0x0000, 0x0000, 0x0000]

    (pdf,) = (tmp_path / "prints").iterdir()
    assert pdf.read_bytes().startswith(b"%PDF")


async def test_the_printer_names_objects_that_have_no_name(tmp_path: Path) -> None:
    def use(one: Association) -> list[int]:
        made, _ = one.send_n_create(attributes(NumberOfCopies="1"), BasicFilmSession, meta_uid=META)
        again, _ = one.send_n_create(attributes(NumberOfCopies="1"), BasicFilmSession, meta_uid=META)
        return [made.Status, again.Status]

    assert await printing(tmp_path, use) == [0x0000, 0x0111]


async def test_the_printer_tells_how_it_is(tmp_path: Path) -> None:
    def use(one: Association) -> Any:
        return one.send_n_get([Tag("PrinterStatus"), Tag("PrinterName")], Printer, PrinterInstance, meta_uid=META)

    status, answer = await printing(tmp_path, use)

    assert status.Status == 0x0000
    assert answer.PrinterStatus in ("NORMAL", "WARNING", "FAILURE")
    assert answer.PrinterName == "dicom-graph"
    assert "Manufacturer" not in answer


async def test_what_is_refused_is_told_with_a_reason(tmp_path: Path) -> None:
    def use(one: Association) -> list[Dataset]:
        begun(one)
        slide = film_box(display_format="SLIDE")
        return [
            one.send_n_create(slide, BasicFilmBox, "1.2.3.7", meta_uid=META)[0],
            one.send_n_action(None, 1, BasicFilmBox, "1.2.3.8", meta_uid=META)[0],
            one.send_n_create(attributes(PresentationLUTShape="ODD"), PresentationLUT, "1.2.3.9")[0],
        ]

    refused = await printing(tmp_path, use)

    assert [answer.Status for answer in refused] == [0x0106, 0x0112, 0x0106]
    assert all(answer.ErrorComment for answer in refused)


async def test_a_folder_that_cannot_be_written_is_a_failure_and_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "prints"
    blocked.write_text("a file where the folder should be")

    def use(one: Association) -> int:
        begun(one)
        status: Dataset = one.send_n_action(None, 1, BasicFilmSession, SESSION_UID, meta_uid=META)[0]
        return int(status.Status)

    assert await printing(blocked, use) == 0x0110
    assert list(tmp_path.iterdir()) == [blocked]


async def test_another_association_sees_none_of_it(tmp_path: Path) -> None:
    async with listening(print_service(tmp_path)) as port:

        def run() -> int:
            with associated(port, META) as one, associated(port, META) as other:
                begun(one)
                status: Dataset = other.send_n_action(None, 1, BasicFilmBox, FILM_UID, meta_uid=META)[0]
                return int(status.Status)

        assert await asyncio.to_thread(run) == 0x0112


@pytest.mark.parametrize("value", [b"inf ", b"1e308 ", b"word", b"1\\2 "])
async def test_a_size_that_is_no_size_is_refused(tmp_path: Path, value: bytes) -> None:
    changes = image_box(gray_image(np.zeros((4, 4), dtype=np.uint8)))
    tag = Tag("RequestedImageSize")
    changes._dict[tag] = RawDataElement(tag, "DS", len(value), value, 0, False, True)

    def use(one: Association) -> Dataset:
        status: Dataset = one.send_n_set(changes, BasicGrayscaleImageBox, begun(one), meta_uid=META)[0]
        return status

    answer = await printing(tmp_path, use)

    assert answer.Status == 0x0106
    assert answer.ErrorComment


async def test_the_images_of_an_association_that_ended_take_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PrinterMemory", lambda: PrinterMemory(100))
    image = image_box(gray_image(np.zeros((10, 10), dtype=np.uint8)))

    def use(one: Association) -> int:
        status: Dataset = one.send_n_set(image, BasicGrayscaleImageBox, begun(one), meta_uid=META)[0]
        return int(status.Status)

    def twice(port: int) -> list[int]:
        with associated(port, META) as one, associated(port, META) as other:
            return [use(one), use(other)]

    async with listening(print_service(tmp_path)) as port:
        assert await asyncio.to_thread(twice, port) == [0x0000, 0xC605]
        await soon(lambda: dimse_threads() == ["dimse-listener"])
        assert await asyncio.to_thread(twice, port) == [0x0000, 0xC605]


def test_what_a_kill_left_of_a_film_is_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000.000000Z-abcdef.part").write_bytes(b"%PDF")
    (tmp_path / "20260101T000000.000000Z-abcdef.pdf").write_bytes(b"%PDF")

    print_service(tmp_path)

    assert [path.suffix for path in tmp_path.iterdir()] == [".pdf"]
