"""Which encoding an object is sent in (PS3.18 §8.7.3): as stored, re-encoded, or with its pixels decoded."""

from collections.abc import Iterable
from enum import Enum, auto

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.archive.transcoding import RECODABLE

ANY_SYNTAX = "*"
EXPLICIT = str(ExplicitVRLittleEndian)

FORBIDDEN = frozenset({str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian)})
"""Never used with web services (§8.7.3)."""

LOSSLESS = frozenset(
    {
        "1.2.840.10008.1.2.1.98",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.92",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.5",
    }
)
"""Transfer syntaxes with compressed pixels that lose nothing: who names no transfer syntax gets them decoded."""


class Form(Enum):
    """How an object goes out."""

    STORED = auto()
    RECODED = auto()
    DECODED = auto()


def forms(stored: str, accepted: Iterable[str | None]) -> list[Form]:
    """The forms in which an object stored in the transfer syntax `stored` may be sent, the best first.

    `accepted` are transfer syntaxes, best first; `*` is any, None that none was named: then Explicit VR Little Endian
    is the default, and what was compressed with loss goes as it is stored, as does what turns out to be undecodable.
    """
    return list(dict.fromkeys(form for wanted in accepted for form in _forms(stored, wanted)))


def _forms(stored: str, wanted: str | None) -> tuple[Form, ...]:
    is_plain = stored in RECODABLE or stored == EXPLICIT
    if wanted == ANY_SYNTAX:
        return (Form.RECODED,) if stored in FORBIDDEN else (Form.STORED,)
    if wanted == stored:
        return () if stored in FORBIDDEN else (Form.STORED,)
    if wanted is None and not is_plain:
        return (Form.DECODED, Form.STORED) if stored in LOSSLESS else (Form.STORED,)
    if wanted not in {None, EXPLICIT}:
        return ()
    if stored == EXPLICIT:
        return (Form.STORED,)
    return (Form.RECODED,) if is_plain else (Form.DECODED,)
