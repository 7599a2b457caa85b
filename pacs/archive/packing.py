"""Metadata in little room: instances of a series differ in a few values, so one serves as dictionary for all."""

import zlib

_DICTIONARY_BYTES = 32 * 1024
_LEVEL = 3


def dictionary_of(metadata: bytes) -> bytes:
    """What to keep of a series' first instance to pack all its instances with: deflate looks back 32 KiB."""
    return metadata[-_DICTIONARY_BYTES:]


def pack(metadata: bytes, dictionary: bytes) -> bytes:
    """The metadata, deflated."""
    packer = zlib.compressobj(_LEVEL, zdict=dictionary)
    return packer.compress(metadata) + packer.flush()


def unpack(packed: bytes, dictionary: bytes) -> bytes:
    """The metadata again."""
    return zlib.decompressobj(zdict=dictionary).decompress(packed)
