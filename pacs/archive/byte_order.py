"""Values in little endian words, however the file has them (PS3.5 §7.3)."""

from array import array

NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
"""VRs of binary numbers, with the code that `array` has for each."""

_WORDS = {"OW": "H", "OL": "I", "OF": "I", "OD": "Q", "OV": "Q"}


def swapped(raw: bytes, vr: str) -> bytes:
    """A big endian value in little endian."""
    code = _WORDS.get(vr) or NUMBERS.get(vr) or ("H" if vr == "AT" else None)
    if code is None:
        return raw
    words = array(code, raw[: len(raw) - len(raw) % array(code).itemsize])
    words.byteswap()
    return words.tobytes() + raw[len(words) * words.itemsize :]


def little_endian(raw: bytes, vr: str, big_endian: bool) -> bytes:
    """Binary values as DICOM JSON and bulk data have them: in little endian words."""
    return swapped(raw, vr) if big_endian and vr in _WORDS else raw
