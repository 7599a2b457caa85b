"""Hostile DICOM files: small ones that would decode to gigabytes, made quickly."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as pillow
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.pacs.thumbnail_files import image_dataset, save

GIGABYTE = 1 << 30


def _described(syntax: str, rows: int = 64, columns: int = 64, **attributes: Any) -> Dataset:
    return image_dataset(np.zeros((2, 2), "u1"), TransferSyntaxUID=syntax, Rows=rows, Columns=columns, **attributes)


def _compressed(syntax: str, frame: bytes, **attributes: Any) -> Dataset:
    made = _described(syntax, **attributes)
    made.PixelData = encapsulate([frame])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def _encoded(kind: str, side: int, **options: Any) -> bytes:
    target = io.BytesIO()
    pillow.new("L", (side, side), 7).save(target, kind, **options)
    return target.getvalue()


def _patched_jpeg_2000(side: int) -> bytes:
    """A codestream of 64×64 whose SIZ marker claims more: the image, and one tile as large."""
    frame = bytearray(_encoded("JPEG2000", 64, no_jp2=True))
    for offset in (8, 12, 24, 28):
        struct.pack_into(">I", frame, offset, side)
    return bytes(frame)


def _patched_jpeg_ls(side: int) -> bytes:
    start_of_frame = struct.pack(">HHBHHBBBB", 0xFFF7, 11, 8, side, side, 1, 1, 0x11, 0)
    scan = struct.pack(">HHBBBBBB", 0xFFDA, 8, 1, 1, 0, 0, 0, 0)
    return b"\xff\xd8" + start_of_frame + scan + bytes(2048) + b"\xff\xd9"


def _run_length(pixels: int) -> bytes:
    """An RLE frame of one segment that expands 64:1."""
    return struct.pack("<16L", 1, 64, *([0] * 14)) + b"\x81\x00" * (pixels // 128)


def _rows_and_columns(path: Path) -> Path:
    return save(_described(ExplicitVRLittleEndian, 65535, 65535), path)


def _number_of_frames(path: Path) -> Path:
    return save(_described(ExplicitVRLittleEndian, NumberOfFrames=2**31 - 1), path)


def _samples(path: Path) -> Path:
    return save(_described(ExplicitVRLittleEndian, SamplesPerPixel=65535), path)


def _jpeg_2000(path: Path) -> Path:
    return save(_compressed(JPEG2000Lossless, _patched_jpeg_2000(20000)), path)


def _jpeg_2000_that_agrees(path: Path) -> Path:
    return save(_compressed(JPEG2000Lossless, _patched_jpeg_2000(20000), rows=20000, columns=20000), path)


def _jpeg(path: Path) -> Path:
    return save(_compressed(JPEGBaseline8Bit, _encoded("JPEG", 8000)), path)


def _jpeg_ls(path: Path) -> Path:
    return save(_compressed(JPEGLSLossless, _patched_jpeg_ls(30000)), path)


def _rle(path: Path) -> Path:
    return save(_compressed(RLELossless, _run_length(40000 * 40000), rows=40000, columns=40000), path)


def _rle_beyond_its_header(path: Path) -> Path:
    return save(_compressed(RLELossless, _run_length(40000 * 40000)), path)


def _deflated(path: Path, value_bytes: int = 2 * GIGABYTE - 2) -> Path:
    """A private element of two gigabytes of zeros before the image's description: two megabytes on the disk."""
    shell = _described(ExplicitVRLittleEndian)
    del shell.PixelData
    target = io.BytesIO()
    shell.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    shell.save_as(target, enforce_file_format=True)
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = stream.compress(struct.pack("<HH2sHL", 0x0009, 0x0010, b"OB", 0, value_bytes))
    zeros = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same megabyte can be repeated as it is: no need to compress it two thousand times.
    repeated = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(_meta(target.getvalue()) + head + zeros + repeated * (value_bytes >> 20))
    return path


def _nested(path: Path, depth: int = 3000) -> Path:
    open_ = struct.pack("<HH2sHLHHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    close = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return _after_meta(path, open_ * depth + close * depth)


def _length_beyond_the_end(path: Path) -> Path:
    return _after_meta(path, struct.pack("<HH2sHL", 0x0009, 0x0010, b"OB", 0, 0xFFFFFFF0))


def _palette(path: Path) -> Path:
    """Segmented tables whose indirect segments repeat the one before them: each doubles the table."""
    made = _described(ExplicitVRLittleEndian, PhotometricInterpretation="PALETTE COLOR")
    body = struct.pack("<HHHHHH", 0, 1, 0, 1, 60000, 65535)
    for segment in range(2, 100):
        body += struct.pack("<HHHH", 2, segment, 0, 0)
    for colour in ("Red", "Green", "Blue"):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [0, 0, 16])
        setattr(made, f"Segmented{colour}PaletteColorLookupTableData", body)
    made.PixelData = bytes(64 * 64)
    return save(made, path)


def _after_meta(path: Path, body: bytes) -> Path:
    shell = _described(ExplicitVRLittleEndian)
    target = io.BytesIO()
    shell.save_as(target, enforce_file_format=True)
    path.write_bytes(_meta(target.getvalue()) + body)
    return path


def _meta(file: bytes) -> bytes:
    """The preamble and the file meta information, whose length its first element tells."""
    return file[: 144 + int.from_bytes(file[140:144], "little")]


BOMBS: Mapping[str, Callable[[Path], Path]] = {
    "65535 rows and columns": _rows_and_columns,
    "2^31 frames": _number_of_frames,
    "65535 samples": _samples,
    "JPEG 2000 of 20000x20000": _jpeg_2000,
    "JPEG 2000 of 20000x20000, header agrees": _jpeg_2000_that_agrees,
    "JPEG of 8000x8000": _jpeg,
    "JPEG-LS of 30000x30000": _jpeg_ls,
    "RLE of 40000x40000": _rle,
    "RLE of 40000x40000, header 64x64": _rle_beyond_its_header,
    "deflated 2 GB": _deflated,
    "3000 nested sequences": _nested,
    "element longer than the file": _length_beyond_the_end,
    "palette of repeating segments": _palette,
}
