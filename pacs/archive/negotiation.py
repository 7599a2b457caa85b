"""Which transfer syntax an object is sent in (PS3.18 §8.7.3.5)."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from starlette.exceptions import HTTPException

from pacs.archive.lookup import Instance
from pacs.archive.streams import file_pieces
from pacs.archive.transcoding import RECODABLE, explicit_little_endian

_EXPLICIT = "1.2.840.10008.1.2.1"
_NEVER_UNASKED = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.2"})
AS_STORED = "*"


def pieces(instance: Instance, path: Path, accepted: Iterable[str | None]) -> tuple[int | None, Iterator[bytes]]:
    """The object's bytes in the first transfer syntax of `accepted` that it can have, and their number where known.

    `*` is as stored, bit for bit. None, no transfer syntax asked for, is as stored as well, but Implicit VR and Big
    Endian become Explicit VR Little Endian. 406 when nothing fits: compressed pixels are not decoded.
    """
    stored = instance.transfer_syntax_uid
    for wanted in accepted:
        if wanted in {AS_STORED, stored} or (wanted is None and stored not in _NEVER_UNASKED):
            return instance.file_bytes, file_pieces(path)
        if wanted in {None, _EXPLICIT} and stored in RECODABLE:
            return None, explicit_little_endian(path)
    raise HTTPException(406, f"the object is stored as {stored} and cannot be sent in the transfer syntax asked for")
