"""Is this a DICOM file? The check of PS3.10 §7, for files of any size and from anybody.

Only headers and a few short values are read, everything else is stepped over: a file of many GiB takes milliseconds,
a crafted one bounded memory and time. What breaks a rule that a PACS relies on is refused with the reason; what
is merely untidy is accepted as it is and named in `Part10Header.flaws`.
"""

import struct
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from pacs import file_meta
from pacs.element_headers import PIXEL_DATA, Element
from pacs.elements import walk
from pacs.errors import InvalidDicom
from pacs.file_meta import FileMeta
from pacs.runs import all_but
from pacs.sources import ReadableFile, Source
from pacs.uids import is_uid

Visitor = Callable[[Source, Element], None]
"""Called with each element while its value can be read from the source."""

_LONGEST_VALUE_BYTES = 1024
_DICOMDIR = "1.2.840.10008.1.3.10"
_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"}

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_UIDS = {
    _SOP_CLASS: "SOPClassUID (0008,0016)",
    _SOP_INSTANCE: "SOPInstanceUID (0008,0018)",
    _STUDY: "StudyInstanceUID (0020,000D)",
    _SERIES: "SeriesInstanceUID (0020,000E)",
}
_ROWS, _COLUMNS, _SAMPLES, _FRAMES = 0x00280010, 0x00280011, 0x00280002, 0x00280008
_ALLOCATED, _PHOTOMETRIC = 0x00280100, 0x00280004
_PATIENT_ID = 0x00100020
_WANTED = {*_UIDS, _PATIENT_ID, _ROWS, _COLUMNS, _SAMPLES, _FRAMES, _ALLOCATED, _PHOTOMETRIC}
_UNWANTED = all_but({*_WANTED, PIXEL_DATA})
_SUBSAMPLED = {"YBR_FULL_422": (2, 3), "YBR_PARTIAL_422": (2, 3), "YBR_PARTIAL_420": (1, 2)}
_META_FLAWS = {
    file_meta.VERSION: "FileMetaInformationVersion (0002,0001) is missing",
    file_meta.CLASS: "MediaStorageSOPClassUID (0002,0002) is missing",
    file_meta.INSTANCE: "MediaStorageSOPInstanceUID (0002,0003) is missing",
    file_meta.IMPLEMENTATION: "ImplementationClassUID (0002,0012) is missing",
}


@dataclass(frozen=True, slots=True)
class Part10Header:
    """What identifies a file, and where its dataset begins (`dataset_offset`, in bytes).

    `application_entity` is the title of the sender, else of the source (0002,0017; 0002,0016), empty when neither is
    told; `patient_id` is read as Latin-1; the UIDs of study and series are empty for an object that has none. `flaws`
    are broken rules that do no harm, in words, without values of the dataset.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    application_entity: str = ""
    patient_id: str = field(default="", repr=False)
    flaws: tuple[str, ...] = ()


def check(
    file: ReadableFile, size: int, visit: Visitor | None = None, *, without_study: Container[str] = ()
) -> Part10Header:
    """The header of a file of `size` bytes; `visit` sees every element of its dataset on the way.

    `without_study` are the SOP classes whose objects are taken although they belong to no study.
    `NotDicom` when it is no Part 10 file; `InvalidDicom` when it is one that cannot be trusted: truncated, trailing
    garbage, missing or contradicting UIDs, too little pixel data, an executable in the preamble, a DICOMDIR.
    """
    meta = file_meta.read_meta(file, size)
    if meta.values.get(file_meta.CLASS) == _DICOMDIR:
        raise InvalidDicom("a DICOMDIR is a directory of files, no object to store")
    source, offset, encoding = file_meta.open_dataset(file, size, meta)
    native = meta.transfer_syntax_uid in _UNCOMPRESSED
    values: dict[int, str] = {}
    for element in walk(source, offset, encoding, _UNWANTED if visit is None else None):
        if element.depth == 0:
            if element.tag in _WANTED and 0 <= element.length <= _LONGEST_VALUE_BYTES:
                values[element.tag] = _text(source, element)
            elif element.tag == PIXEL_DATA and native:
                _check_pixels(element, values)
        if visit is not None:
            visit(source, element)
    if values.get(_SOP_CLASS) in without_study:
        values[_STUDY] = values[_SERIES] = ""
        return _header(meta, values, {tag: _UIDS[tag] for tag in (_SOP_CLASS, _SOP_INSTANCE)})
    return _header(meta, values, _UIDS)


def _header(meta: FileMeta, values: Mapping[int, str], uids: Mapping[int, str]) -> Part10Header:
    for tag, name in uids.items():
        _check_uid(name, values.get(tag, ""))
    told = meta.values.get(file_meta.INSTANCE)
    if told and told != values[_SOP_INSTANCE]:
        raise InvalidDicom("MediaStorageSOPInstanceUID (0002,0003) is not the SOPInstanceUID (0008,0018)")
    return Part10Header(
        sop_class_uid=values[_SOP_CLASS],
        sop_instance_uid=values[_SOP_INSTANCE],
        study_instance_uid=values[_STUDY],
        series_instance_uid=values[_SERIES],
        transfer_syntax_uid=meta.transfer_syntax_uid,
        dataset_offset=meta.dataset_offset,
        patient_id=values.get(_PATIENT_ID, ""),
        application_entity=meta.values.get(file_meta.SENDING_AE) or meta.values.get(file_meta.SOURCE_AE, ""),
        flaws=tuple(_flaws(meta, values, uids)),
    )


def _check_uid(name: str, value: str) -> None:
    if not value:
        raise InvalidDicom(f"{name} is missing")
    if not is_uid(value, lenient=True):
        raise InvalidDicom(f"{name} is not a UID")


def _flaws(meta: FileMeta, values: Mapping[int, str], uids: Mapping[int, str]) -> list[str]:
    flaws = [sentence for tag, sentence in _META_FLAWS.items() if tag not in meta.values]
    if not meta.length_matches:
        flaws.append("FileMetaInformationGroupLength (0002,0000) is missing or wrong")
    if meta.values.get(file_meta.CLASS, values[_SOP_CLASS]) != values[_SOP_CLASS]:
        flaws.append("MediaStorageSOPClassUID (0002,0002) is not the SOPClassUID (0008,0016)")
    flaws += [f"{name} has components with leading zeros" for tag, name in uids.items() if not is_uid(values[tag])]
    return flaws


def _check_pixels(element: Element, values: Mapping[int, str]) -> None:
    """PS3.5 §8.1.1: native pixel data holds rows × columns × samples × frames cells of Bits Allocated."""
    if element.encapsulated:
        raise InvalidDicom("the pixel data is encapsulated, the transfer syntax is not")
    rows, columns, allocated, samples, frames = (
        _number(values.get(tag, "")) for tag in (_ROWS, _COLUMNS, _ALLOCATED, _SAMPLES, _FRAMES)
    )
    part, whole = _SUBSAMPLED.get(values.get(_PHOTOMETRIC, ""), (1, 1))
    cells = rows * columns * (samples or 1) * (frames or 1)
    needed = (cells * allocated * part // whole + 7) // 8
    if element.length < needed:
        raise InvalidDicom(f"the pixel data has {element.length} bytes, its size needs {needed}")


def _text(source: Source, element: Element) -> str:
    raw = source.read(element.offset, element.length)
    if element.vr == "US" and len(raw) >= 2:
        return str(struct.unpack_from(">H" if element.big_endian else "<H", raw)[0])
    return raw.decode("latin-1").strip("\0 ")


def _number(text: str) -> int:
    """0 when it is no number: then there is nothing to measure the pixel data against."""
    return int(text) if text.isdecimal() else 0
