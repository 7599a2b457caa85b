"""What each service of the DICOM network says while the disk is full, and after a kill over a film."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicFilmBox,
    BasicGrayscaleImageBox,
    BasicGrayscalePrintManagementMeta,
    ModalityWorklistInformationFind,
    PresentationLUT,
    StudyRootQueryRetrieveInformationModelFind,
)

from pacs.archive.faults import FULL
from pacs.archive.verify import verify
from pacs.uids import new_uid
from tests.pacs.archive.dimse.films import FILM_UID, gray_image, image_box
from tests.pacs.archive.dimse.modality import started
from tests.pacs.archive.dimse.network import send
from tests.pacs.archive.dimse.peer import associated, dataset
from tests.pacs.archive.dimse.test_print_service import begun
from tests.pacs.archive.samples import instance
from tests.real.archive import ArchiveProcess
from tests.real.disks import filled, memory_disk
from tests.real.scanner import Scanner
from tests.real.test_archive_disk import leftovers

META = BasicGrayscalePrintManagementMeta
SUCCESS, FAILURE, OUT_OF_RESOURCES = 0x0000, 0x0110, 0xA700


class Room:
    """A scanner, a workstation and a printing console."""

    def __init__(self, archive: ArchiveProcess) -> None:
        self._port = archive.dicom_port
        self._scanner = Scanner(self._port)
        self.stored: set[str] = set()

    def store(self) -> int:
        uid = new_uid()
        (answer,) = send(self._port, instance(SOPInstanceUID=uid, TextValue="x" * 100_000))
        if answer.Status == OUT_OF_RESOURCES:
            assert answer.ErrorComment == FULL.sentence
        else:
            self.stored.add(uid)
        return int(answer.Status)

    def begin_step(self) -> int:
        return self._scanner.begins_now(new_uid(), **started(CommentsOnThePerformedProcedureStep="x" * 50_000))

    def ask_for_commitment(self) -> int:
        references = [
            {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "ReferencedSOPInstanceUID": f"1.2.3.{number}"}
            for number in range(1000)
        ]
        return self._scanner.asks_now(new_uid(), *references)

    def print_film(self) -> int:
        pixels = np.random.default_rng(11).integers(0, 255, (1024, 1024), dtype=np.uint8)
        with associated(self._port, META, PresentationLUT) as association:
            box = begun(association)
            association.send_n_set(image_box(gray_image(pixels)), BasicGrayscaleImageBox, box, meta_uid=META)
            status = association.send_n_action(None, 1, BasicFilmBox, FILM_UID, meta_uid=META)[0]
            return int(status.Status)

    def find(self, model: str) -> int:
        keys = {} if model == ModalityWorklistInformationFind else {"QueryRetrieveLevel": "STUDY"}
        with associated(self._port, model) as association:
            *_, (last, _) = association.send_c_find(dataset(PatientID="", **keys), model)
            return int(last.Status)

    def writes(self) -> list[int]:
        return [self.store(), self.begin_step(), self.ask_for_commitment(), self.print_film()]

    def reads(self) -> list[int]:
        return [self.find(StudyRootQueryRetrieveInformationModelFind), self.find(ModalityWorklistInformationFind)]


def test_on_a_full_disk_every_service_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with memory_disk(tmp_path, 24) as disk, ArchiveProcess(disk, peers="SCANNER=127.0.0.1:9") as archive:
        room, prints = Room(archive), archive.data_dir / "prints"
        assert room.writes() == [SUCCESS] * 4
        with filled(disk):
            assert room.writes() == [OUT_OF_RESOURCES, FAILURE, FAILURE, FAILURE]
            assert room.reads() == [SUCCESS] * 2
            assert leftovers(archive) == []
            assert [path.suffix for path in prints.iterdir()] == [".pdf"]
        assert room.writes() == [SUCCESS] * 4
        assert room.reads() == [SUCCESS] * 2
        assert archive.instances() == room.stored
        archive.stop()
        assert verify(archive.data_dir).is_clean
        assert "Traceback" not in archive.log.read_text()


def test_a_kill_over_a_film_leaves_whole_films_only(tmp_path: Path) -> None:
    archive = ArchiveProcess(tmp_path)
    prints = archive.data_dir / "prints"
    with archive:
        room = Room(archive)
        assert room.print_film() == SUCCESS
        printing = threading.Thread(target=_interrupted, args=(room,))
        printing.start()
        deadline = time.monotonic() + 10
        while not list(prints.glob("*.part")):
            assert time.monotonic() < deadline
        archive.kill()
        printing.join()
        archive.start()
        (film,) = prints.iterdir()
        assert film.read_bytes().rstrip().endswith(b"%%EOF")
        assert room.print_film() == SUCCESS


def _interrupted(room: Room) -> None:
    with suppress(AttributeError, RuntimeError, ValueError):  # there is no answer
        room.print_film()
