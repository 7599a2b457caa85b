"""What a compressed frame says of its own size, read without decoding it."""

_JP2_SIGNATURE = b"\x00\x00\x00\x0c"
_J2K_START = b"\xff\x4f\xff\x51"
_JPEG_START = b"\xff\xd8"
# SOF0–SOF15 without DHT (C4), JPG (C8) and DAC (CC); F7 is JPEG-LS.
_FRAME_HEADERS = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def dimensions(frame: bytes) -> tuple[int, int, int] | None:
    """(rows, columns, components) of a JPEG, JPEG-LS or JPEG 2000 codestream; None where it has no such header.

    ISO/IEC 10918-1 §B.2.2, 14495-1 §C.2.2, 15444-1 §A.5.1.
    """
    if frame.startswith((_JP2_SIGNATURE, _J2K_START[:2])):
        return _jpeg_2000(frame)
    if frame.startswith(_JPEG_START):
        return _jpeg(frame)
    return None


def _jpeg_2000(frame: bytes) -> tuple[int, int, int] | None:
    start = frame.find(_J2K_START)
    size = frame[start + 8 : start + 42]
    if start < 0 or len(size) < 34:
        return None
    right, bottom, left, top = (int.from_bytes(size[i : i + 4], "big") for i in range(0, 16, 4))
    return max(bottom - top, 0), max(right - left, 0), int.from_bytes(size[32:34], "big")


def _jpeg(frame: bytes) -> tuple[int, int, int] | None:
    at = 2
    while at + 10 <= len(frame):
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0xFF:
            at += 1
        elif marker in _FRAME_HEADERS:
            return (
                int.from_bytes(frame[at + 5 : at + 7], "big"),
                int.from_bytes(frame[at + 7 : at + 9], "big"),
                frame[at + 9],
            )
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None
