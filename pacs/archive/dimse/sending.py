"""One object to a peer, by C-STORE: as it is stored where the peer takes that, else uncompressed, else not at all."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext

from pacs.archive import wholeness
from pacs.archive.faults import DamagedFile
from pacs.archive.files import FileStore
from pacs.archive.lookup import Stored
from pacs.archive.transcoding import RECODABLE, recoded
from pacs.errors import BadDicom
from pacs.file_meta import read_meta

if TYPE_CHECKING:
    from pynetdicom.association import Association

log = structlog.get_logger(__name__)

UNCOMPRESSED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""What objects are transcoded to, the better one first."""

Decode = Callable[[Path, str, str], Iterator[bytes]]
"""The bytes of a file in another transfer syntax than the one it is stored in. `BadDicom`, `OSError`."""

_MEDIUM = 0x0000
_OUT_OF_RESOURCES, _NO_CONTEXT = 0xA700, 0x0122


class Sendable(Stored, Protocol):
    """What sending an object depends on, whether it belongs to a patient or not."""

    @property
    def folder(self) -> str:
        """Where its file lies; see `files`."""

    @property
    def sop_class_uid(self) -> str:
        """Its class."""


class ConnectionLost(Exception):
    """The peer is gone, or its answer is none: nothing more can be sent to it."""


class Sender:
    """Sends the archive's objects over associations. `decode` recodes compressed ones, so that everybody reads them."""

    def __init__(self, files: FileStore, decode: Decode) -> None:
        self._files = files
        self._decode = decode

    def send(self, association: "Association", instance: Sendable, message_id: int, origin: tuple[str, int]) -> int:
        """Sends an instance and returns the status of the peer, or one of ours for what cannot be sent.

        `origin` is who asked for it and the ID of that request; nobody with an empty title. `ConnectionLost`.
        """
        context = _fitting(association.accepted_contexts, instance)
        if context is None:
            log.info("dimse_no_context", sop_class_uid=instance.sop_class_uid, stored=instance.transfer_syntax_uid)
            return _NO_CONTEXT
        path = self._files.path(instance.folder, instance.sop_instance_uid)
        try:
            if not wholeness.is_whole(instance, path):
                raise DamagedFile("the file has other content than was stored")
            with self._readable(path, instance, str(context.transfer_syntax[0])) as readable:
                return _store(association, context, readable, _request(instance, message_id, origin))
        except (BadDicom, DamagedFile, OSError, TimeoutError) as error:
            log.error("dimse_cannot_send", reason=type(error).__name__, sop_instance_uid=instance.sop_instance_uid)
            return _OUT_OF_RESOURCES

    @contextmanager
    def _readable(self, path: Path, instance: Sendable, wanted: str) -> Iterator[Path]:
        """The file in the transfer syntax wanted: itself, or a temporary one."""
        if wanted == instance.transfer_syntax_uid:
            yield path
            return
        made, stored = self._files.new_incoming(), instance.transfer_syntax_uid
        try:
            is_plain = stored in _WITHOUT_COMPRESSION
            _write(made, recoded(path, wanted) if is_plain else self._decode(path, stored, wanted))
            yield made
        finally:
            with suppress(OSError):
                made.unlink(missing_ok=True)


_WITHOUT_COMPRESSION = {*RECODABLE, *UNCOMPRESSED}
"""Transfer syntaxes without compressed pixels."""


def _fitting(contexts: Iterable[PresentationContext], instance: Sendable) -> PresentationContext | None:
    """The context to send an instance under: as stored if that is possible."""
    usable = {
        str(context.transfer_syntax[0]): context
        for context in reversed(list(contexts))
        if context.as_scu and context.abstract_syntax == instance.sop_class_uid
    }
    wanted = (instance.transfer_syntax_uid, *UNCOMPRESSED)
    return next((usable[syntax] for syntax in wanted if syntax in usable), None)


def _request(instance: Sendable, message_id: int, origin: tuple[str, int]) -> C_STORE:
    request = C_STORE()
    request.MessageID = message_id
    request.AffectedSOPClassUID = instance.sop_class_uid
    request.AffectedSOPInstanceUID = instance.sop_instance_uid
    request.Priority = _MEDIUM
    if origin[0]:
        request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID = origin
    return request


def _store(association: "Association", context: PresentationContext, path: Path, request: C_STORE) -> int:
    with path.open("rb") as file:
        offset = read_meta(file, path.stat().st_size).dataset_offset
    request._dataset_path = (path, offset)
    try:
        association.dimse.send_msg(request, context.context_id or 0)
        _, answer = association.dimse.get_msg(block=True)
    except Exception as error:  # whatever pynetdicom and the file come to: half a message may have been sent
        association.abort()
        raise ConnectionLost from error
    if not isinstance(answer, C_STORE) or not answer.is_valid_response:
        association.abort()
        raise ConnectionLost
    return int(answer.Status or 0)


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with path.open("xb") as file:
        file.writelines(pieces)
