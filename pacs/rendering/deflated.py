"""Deflated files (PS3.5 §A.5): inflated within a bound, because a megabyte can hold gigabytes."""

import io
import zlib
from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filereader import read_dataset, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from pacs.errors import NoPicture

_PREAMBLE = b"\0" * 128 + b"DICM"
_LONGEST_META = 1 << 12
_CHUNK = 1 << 16


def inflated(file: BinaryIO, most_bytes: int) -> BinaryIO:
    """The file as Explicit VR Little Endian; `file` itself, at its start, where it is not deflated.

    Raises NoPicture("too_large") beyond `most_bytes`, NoPicture("damaged") for a broken stream.
    """
    file.seek(0)
    likely = DeflatedExplicitVRLittleEndian.encode() in file.read(_LONGEST_META)
    file.seek(0)
    if not likely:
        return file
    read_preamble(file, force=True)
    meta = FileMetaDataset(read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2))
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        file.seek(0)
        return file
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result = io.BytesIO()
    result.write(_PREAMBLE)
    write_file_meta_info(DicomFileLike(result), meta, enforce_standard=False)
    _inflate(file, result, most_bytes)
    result.seek(0)
    return result


def _inflate(source: BinaryIO, target: BinaryIO, most_bytes: int) -> None:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not stream.eof and (chunk := stream.unconsumed_tail or source.read(_CHUNK)):
            target.write(stream.decompress(chunk, 16 * _CHUNK))
            if target.tell() > most_bytes:
                raise NoPicture("too_large")
    except zlib.error:
        raise NoPicture("damaged") from None
