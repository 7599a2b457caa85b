"""Whether the archive has an object, whole: what storage commitment vouches for."""

from enum import IntEnum

import structlog

from pacs.archive import wholeness
from pacs.archive.commitment_store import Reference
from pacs.archive.files import FileStore
from pacs.archive.index import Index
from pacs.archive.stored_files import StoredFile

log = structlog.get_logger(__name__)

_OBJECT = """
    SELECT sop_class_uid, series_instance_uid, folder, sop_instance_uid, transfer_syntax_uid, file_bytes, digest
    FROM stored_files WHERE sop_instance_uid = ?
"""


class FailureReason(IntEnum):
    """Why an object is not committed (PS3.3 §C.14.1.1)."""

    NONE = 0
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119


def look_at(index: Index, files: FileStore, reference: Reference) -> FailureReason:
    """Why an object cannot be committed, or `NONE`. Blocking: its file is read to the end."""
    uid = reference.sop_instance_uid
    row = index.read_now(lambda connection: connection.execute(_OBJECT, (uid,)).fetchone())
    if row is None:
        return FailureReason.NO_SUCH_INSTANCE
    sop_class, series, *rest = row
    stored = StoredFile(*rest)
    if sop_class != reference.sop_class_uid:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    told = (reference.study_instance_uid, reference.series_instance_uid)
    if told not in ((None, None), (stored.folder, series)):
        return FailureReason.NO_SUCH_INSTANCE
    try:
        is_whole = wholeness.is_whole(stored, files.path(stored.folder, uid))
    except OSError:
        is_whole = False
    if not is_whole:
        log.error("commitment_of_damaged_object", sop_instance_uid=uid)
        return FailureReason.PROCESSING_FAILURE
    return FailureReason.NONE
