"""What one association prints: its objects, and the operations on them (PS3.4 H.2.2, H.4)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicColorImageBox,
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
    PresentationLUT,
)

from pacs.archive.dimse.printing.film import print_sheet
from pacs.archive.dimse.printing.lut import IDENTITY, PresentationLut, read_lut
from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.objects import FilmBox, FilmSession, ImageBox, reference, referenced, text
from pacs.archive.dimse.printing.refused import (
    DUPLICATE,
    INVALID_VALUE,
    NO_FILM_BOX,
    NO_SUCH_CLASS,
    NO_SUCH_INSTANCE,
    OUT_OF_MEMORY,
    UNRECOGNIZED_OPERATION,
    Refused,
)
from pacs.uids import new_uid

log = structlog.get_logger(__name__)

_SUCCESS = 0x0000
_EMPTY_PAGE = 0xB603
_NO_MEMORY_ALLOCATION = 0xB600
_MOST_FILMS = 50
_MOST_LUTS = 100

Answer = tuple[int, Dataset | None]


class PrintSession:
    """The print objects of one association, which live as long as it; films go to `prints` as PDFs.

    Every operation answers a status and attributes, or raises `Refused`, and then nothing has changed; one that prints
    raises `OSError` when a film cannot be written.
    """

    def __init__(self, prints: Path, memory: PrinterMemory | None = None) -> None:
        self._prints = prints
        self._memory = memory or PrinterMemory()
        self._session: FilmSession | None = None
        self._luts: dict[str, PresentationLut] = {}

    def create(self, sop_class: str, uid: str, attributes: Dataset, *, color: bool = False) -> Answer:
        """N-CREATE of a film session, film box (with image boxes in color, or gray) or presentation LUT."""
        image_class = BasicColorImageBox if color else BasicGrayscaleImageBox
        makers: dict[str, Callable[[str, Dataset], Answer]] = {
            BasicFilmSession: self._create_session,
            BasicFilmBox: partial(self._create_film, image_class),
            PresentationLUT: self._create_lut,
        }
        if sop_class not in makers:
            raise Refused(NO_SUCH_CLASS, "film session, film box or presentation LUT")
        if uid in self._luts or (self._session and uid in (self._session.uid, *self._session.films)):
            raise Refused(DUPLICATE, "the SOP Instance exists")
        return makers[sop_class](uid, attributes)

    def set(self, sop_class: str, uid: str, changes: Dataset) -> Answer:
        """N-SET of the film session, a film box or an image box."""
        session = self._open_session()
        if sop_class == BasicFilmSession and uid == session.uid:
            session.attributes.update(changes)
            return _SUCCESS, changes
        if sop_class == BasicFilmBox and uid in session.films:
            return self._set_film(session.films[uid], changes)
        if sop_class in (BasicColorImageBox, BasicGrayscaleImageBox):
            film, image = self._image_box(session, sop_class, uid)
            return self._set_image(film, image, changes)
        raise Refused(NO_SUCH_INSTANCE, "no such film session, film box or image box")

    def action(self, sop_class: str, uid: str, action_type: int) -> Answer:
        """N-ACTION 1, print, of the film session (all its films) or of one film box; on disk before it is answered."""
        if action_type != 1:
            raise Refused(UNRECOGNIZED_OPERATION, "action 1: print")
        session = self._open_session()
        if sop_class == BasicFilmBox and uid in session.films:
            return self._print([session.films[uid]]), None
        if sop_class != BasicFilmSession or uid != session.uid:
            raise Refused(NO_SUCH_INSTANCE, "no such film session or film box")
        if not session.films:
            raise Refused(NO_FILM_BOX, "the film session has no film box")
        return self._print(list(session.films.values())), None

    def delete(self, sop_class: str, uid: str) -> Answer:
        """N-DELETE of the film session with all that is in it, of a film box, or of a presentation LUT."""
        if sop_class == PresentationLUT and self._luts.pop(uid, None) is not None:
            return _SUCCESS, None
        session = self._open_session()
        if sop_class == BasicFilmSession and uid == session.uid:
            self._session = None
        elif sop_class != BasicFilmBox or session.films.pop(uid, None) is None:
            raise Refused(NO_SUCH_INSTANCE, "no such film session, film box or presentation LUT")
        self._memory.hold(self, self._image_bytes())
        return _SUCCESS, None

    def close(self) -> None:
        """Gives up what is not printed."""
        self._session = None
        self._memory.free(self)

    def _create_session(self, uid: str, attributes: Dataset) -> Answer:
        if self._session is not None:
            raise Refused(DUPLICATE, "the association has a film session")
        self._session = FilmSession(uid, attributes)
        return _NO_MEMORY_ALLOCATION if attributes.get("MemoryAllocation") else _SUCCESS, attributes

    def _create_film(self, image_class: str, uid: str, attributes: Dataset) -> Answer:
        session = self._open_session()
        if referenced(attributes, "ReferencedFilmSessionSequence") != session.uid:
            raise Refused(INVALID_VALUE, "ReferencedFilmSessionSequence is not the association's film session")
        if len(session.films) >= _MOST_FILMS:
            raise Refused(OUT_OF_MEMORY, f"at most {_MOST_FILMS} film boxes")
        film = FilmBox(uid, attributes, lut=self._lut(attributes, IDENTITY))
        _, boxes = film.check()
        film.images = [ImageBox(new_uid(), image_class, box) for box in boxes]
        session.films[uid] = film
        answer = Dataset()
        answer.update(attributes)
        answer.ReferencedImageBoxSequence = [reference(image.sop_class_uid, image.uid) for image in film.images]
        return _SUCCESS, answer

    def _create_lut(self, uid: str, attributes: Dataset) -> Answer:
        if len(self._luts) >= _MOST_LUTS:
            raise Refused(OUT_OF_MEMORY, f"at most {_MOST_LUTS} presentation LUTs")
        self._luts[uid] = read_lut(attributes)
        return _SUCCESS, attributes

    def _set_film(self, film: FilmBox, changes: Dataset) -> Answer:
        for fixed in ("ImageDisplayFormat", "FilmOrientation", "FilmSizeID", "ReferencedFilmSessionSequence"):
            if fixed in changes:
                raise Refused(INVALID_VALUE, f"{fixed} cannot be changed")
        merged = Dataset()
        merged.update(film.attributes)
        merged.update(changes)
        changed = FilmBox(film.uid, merged, film.images, self._lut(changes, film.lut))
        changed.check()
        film.attributes, film.lut = changed.attributes, changed.lut
        return _SUCCESS, changes

    def _set_image(self, film: FilmBox, image: ImageBox, changes: Dataset) -> Answer:
        before = image.image
        status = image.set(changes, film, self._lut(changes, film.lut))
        try:
            self._memory.hold(self, self._image_bytes())
        except Refused:
            image.image = before
            raise
        return status, None

    def _image_bytes(self) -> int:
        films = self._session.films.values() if self._session else ()
        return sum(box.size_bytes for film in films for box in film.images)

    def _print(self, films: list[FilmBox]) -> int:
        session = self._open_session()
        title = text(session.attributes, "FilmSessionLabel", "")
        for film in films:
            print_sheet(film.sheet(title), self._prints)
            log.info("film printed", images=sum(box.image is not None for box in film.images))
        return _SUCCESS if all(any(box.image for box in film.images) for film in films) else _EMPTY_PAGE

    def _open_session(self) -> FilmSession:
        if self._session is None:
            raise Refused(NO_SUCH_INSTANCE, "the association has no film session")
        return self._session

    def _lut(self, attributes: Dataset, default: PresentationLut) -> PresentationLut:
        if not attributes.get("ReferencedPresentationLUTSequence"):
            return default
        uid = referenced(attributes, "ReferencedPresentationLUTSequence")
        if uid not in self._luts:
            raise Refused(INVALID_VALUE, "ReferencedPresentationLUTSequence names no presentation LUT")
        return self._luts[uid]

    @staticmethod
    def _image_box(session: FilmSession, sop_class: str, uid: str) -> tuple[FilmBox, ImageBox]:
        for film in session.films.values():
            for image in film.images:
                if (image.sop_class_uid, image.uid) == (sop_class, uid):
                    return film, image
        raise Refused(NO_SUCH_INSTANCE, "no such image box")
