"""Is a stored file what was stored? Looked at cheaply before an answer begins, and byte by byte while it goes out."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import structlog

from pacs import file_meta
from pacs.archive.faults import DamagedFile
from pacs.archive.lookup import Stored
from pacs.archive.streams import CHUNK_BYTES
from pacs.errors import BadDicom

log = structlog.get_logger(__name__)

File = tuple[Stored, Path]
"""What the index knows of a file, and where it lies."""


def check(stored: Stored, path: Path) -> None:
    """That the file is there, in its size, with a header that is its own. `DamagedFile`, `OSError`."""
    try:
        with _opened(path) as file:
            _dataset_offset(file, stored)
    except DamagedFile:
        log.error("archive_damaged_file", sop_instance_uid=stored.sop_instance_uid)
        raise


def checked(files: Sequence[File]) -> list[File]:
    """Those that `check` finds nothing about. `DamagedFile` when there is none, `OSError`."""
    found: list[File] = []
    damage = DamagedFile("there is no file")
    for stored, path in files:
        try:
            check(stored, path)
        except DamagedFile as error:
            damage = error
        else:
            found.append((stored, path))
    if not found:
        raise damage
    return found


def is_whole(stored: Stored, path: Path) -> bool:
    """Whether the file, read to its end, is what was stored. `OSError`."""
    try:
        for _ in pieces(stored, path):
            pass
    except DamagedFile:
        return False
    return True


def pieces(stored: Stored, path: Path) -> Iterator[bytes]:
    """The bytes of the file, the last ones only when all are what was stored: else `DamagedFile`. `OSError`."""
    digest = hashlib.sha256()
    held = b""
    with _opened(path) as file:
        start = _dataset_offset(file, stored)
        file.seek(0)
        while piece := file.read(CHUNK_BYTES):
            digest.update(memoryview(piece)[start:])
            start = max(start - len(piece), 0)
            if held:
                yield held
            held = piece
    if digest.digest() != stored.digest:
        raise DamagedFile("the file has other content than was stored")
    yield held


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise DamagedFile("the file is missing") from error


def _dataset_offset(file: BinaryIO, stored: Stored) -> int:
    size = os.fstat(file.fileno()).st_size
    if size != stored.file_bytes:
        raise DamagedFile("the file has another size than was stored")
    try:
        meta = file_meta.read_meta(file, size)
    except BadDicom as error:
        raise DamagedFile("the header of the file cannot be read") from error
    told = meta.values.get(file_meta.INSTANCE) or stored.sop_instance_uid
    if (told, meta.transfer_syntax_uid) != (stored.sop_instance_uid, stored.transfer_syntax_uid):
        raise DamagedFile("the header of the file is another object's")
    return meta.dataset_offset
