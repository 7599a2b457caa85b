"""One frame of an instance, decoded: only its bytes are read, and only after they were found to be plausible."""

import io
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from pacs.errors import NoPicture
from pacs.rendering.codestream import dimensions
from pacs.rendering.decoders import PLUGINS
from pacs.rendering.fragments import compressed_frame
from pacs.rendering.image import Image
from pacs.rendering.reduced import reduced

_LITTLE_ENDIAN = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
_GREYS = ("MONOCHROME1", "MONOCHROME2")
_CELLS = (8, 16, 32)
# Encapsulated Uncompressed Explicit VR Little Endian (PS3.5 §A.4.11)
_UNCOMPRESSED_IN_FRAGMENTS = "1.2.840.10008.1.2.1.98"
_COMPRESSED_SLACK_BYTES = 1 << 16
_BYTES_A_SAMPLE_WHILE_DECODING = 8


def read_frame(file: BinaryIO, image: Image, most_bytes: int, halvings: int = 0) -> tuple[NDArray[Any], str]:
    """(pixels, photometric interpretation) of the image's frame, as (rows, columns) or (rows, columns, 3).

    Both sides may be halved `halvings` times, where the encoding makes that cheaper.

    Raises NoPicture before anything is decoded that would take more than `most_bytes`.
    """
    if _needed_bytes(image) > most_bytes:
        raise NoPicture("too_large")
    try:
        pixels, photometric = _compressed(file, image, halvings) if image.encapsulated else _native(file, image)
    except (NoPicture, MemoryError):
        raise
    except NotImplementedError:
        raise NoPicture("unsupported") from None
    except Exception:  # decoders raise errors of any kind on damaged bytes
        raise NoPicture("damaged") from None
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False), photometric


def _needed_bytes(image: Image) -> int:
    if not image.encapsulated:
        return 2 * image.frame_bytes
    return image.rows * image.columns * image.samples * max(_BYTES_A_SAMPLE_WHILE_DECODING, image.bits_allocated // 4)


def _compressed(file: BinaryIO, image: Image, halvings: int) -> tuple[NDArray[Any], str]:
    is_plain = image.transfer_syntax == _UNCOMPRESSED_IN_FRAGMENTS
    if image.transfer_syntax not in PLUGINS and not is_plain:
        raise NoPicture("unsupported")
    frame = compressed_frame(file, image, 2 * image.frame_bytes + _COMPRESSED_SLACK_BYTES)
    if is_plain:
        return _decoded(uid.ExplicitVRLittleEndian, frame, image)
    _check(frame, image)
    small = reduced(frame, image, halvings)
    if small is not None:
        return small
    decoder = get_decoder(image.transfer_syntax)
    source = encapsulate([frame], has_bot=False)
    failure: Exception = NoPicture("damaged")
    for plugin in PLUGINS[image.transfer_syntax]:
        try:
            pixels, found = decoder.as_array(source, index=0, decoding_plugin=plugin, **_options(image))
            return pixels, str(found["photometric_interpretation"])
        except Exception as error:  # another decoder may still read it
            failure = error
    raise failure


def _check(frame: bytes, image: Image) -> None:
    """Refuses a codestream that would decode to something else than the header says, before it is decoded."""
    size = dimensions(frame)
    if size is None:
        return
    rows, columns, components = size
    if rows * columns * components > image.rows * image.columns * image.samples:
        raise NoPicture("too_large")
    if (rows, columns) != (image.rows, image.columns):
        raise NoPicture("damaged")


def _native(file: BinaryIO, image: Image) -> tuple[NDArray[Any], str]:
    if image.bits_allocated == 1 and image.stored_frame_bits % 8:
        return _bits(file, image), image.photometric
    source = _padded(file, image)
    if image.transfer_syntax in _LITTLE_ENDIAN and _is_plain(image):
        return _plain(source, image, image.index if source is file else 0), image.photometric
    return _decoded(image.transfer_syntax, source, image, image.index if source is file else 0)


def _is_plain(image: Image) -> bool:
    """One sample a pixel, of whole bytes."""
    return (
        image.photometric in _GREYS
        and image.samples == 1
        and image.bits_allocated in _CELLS
        and 1 <= image.bits_stored <= image.bits_allocated
        and not image.is_float
    )


def _plain(source: BinaryIO, image: Image, index: int) -> NDArray[Any]:
    """Most images, without what pydicom asks of others: 30 µs (measured)."""
    source.seek(index * image.frame_bytes, io.SEEK_CUR)
    cell = f"<{'i' if image.signed else 'u'}{image.bits_allocated // 8}"
    pixels = np.frombuffer(source.read(image.frame_bytes), cell).reshape(image.rows, image.columns)
    return _without_unused_bits(pixels, image)


def _without_unused_bits(pixels: NDArray[Any], image: Image) -> NDArray[Any]:
    """The bits above Bits Stored mean nothing (PS3.5 §8.1.1); old images have an overlay there. Most have no such."""
    unused = image.bits_allocated - image.bits_stored
    ends = np.array([pixels.min(), pixels.max()])
    return pixels if (ends << unused >> unused == ends).all() else pixels << unused >> unused


def _decoded(
    transfer_syntax: uid.UID, source: BinaryIO | bytes, image: Image, index: int = 0
) -> tuple[NDArray[Any], str]:
    """The uncompressed frame of that index, counted from 0, in the source."""
    options = _options(image) | {"number_of_frames": index + 1, "view_only": True}
    pixels, found = get_decoder(transfer_syntax).as_array(source, index=index, **options)
    return pixels, str(found["photometric_interpretation"])


def _bits(file: BinaryIO, image: Image) -> NDArray[Any]:
    """A frame of single bits that begins or ends within a byte: pydicom misses its last byte (measured, 3.0.2)."""
    first = image.index * image.stored_frame_bits
    last = first + image.stored_frame_bits
    file.seek(image.starts_at + first // 8)
    packed = np.frombuffer(file.read((last + 7) // 8 - first // 8), "u1")
    bits = np.unpackbits(packed, bitorder="little")[first % 8 :][: image.stored_frame_bits]
    return np.asarray(bits.reshape(image.rows, image.columns))


def _padded(file: BinaryIO, image: Image) -> BinaryIO:
    """The file at its pixels; where its end is missing, the frame alone, filled up with zeros.

    A frame of which less than half is there is not shown.
    """
    length = (image.stored_frame_bits + 7) // 8
    start = image.starts_at + image.index * image.stored_frame_bits // 8
    missing = start + length - file.seek(0, io.SEEK_END)
    if missing <= 0:
        file.seek(image.starts_at)
        return file
    if missing > length // 2:
        raise NoPicture("damaged")
    file.seek(start)
    return io.BytesIO(file.read(length) + bytes(missing))


def _options(image: Image) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "samples_per_pixel": image.samples,
        "bits_allocated": image.bits_allocated,
        "photometric_interpretation": image.photometric,
        "number_of_frames": 1,
        "as_rgb": False,
        "pixel_keyword": image.keyword,
    }
    if not image.is_float:
        options |= {"bits_stored": image.bits_stored, "pixel_representation": int(image.signed), "pixel_vr": image.vr}
    if image.samples > 1:
        options["planar_configuration"] = int(image.number("PlanarConfiguration") or 0)
    return options
