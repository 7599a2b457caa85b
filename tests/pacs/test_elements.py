"""Walking a dataset: the short ways over runs of plain elements find what the long way does, and stumble alike."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from re import Pattern

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from pacs.element_headers import EXPLICIT_LITTLE, Element
from pacs.elements import walk
from pacs.errors import InvalidDicom
from pacs.file_meta import open_dataset, read_meta
from pacs.runs import after_run, all_but
from pacs.sources import FileSource, InflatedSource
from tests.samples import Exam

FILES = {
    "an image": Exam().image().content,
    "a report": Path(str(get_testdata_file("test-SR.dcm"))).read_bytes(),
    "a CT": Path(str(get_testdata_file("CT_small.dcm"))).read_bytes(),
}
PATIENCE = 3_000
WANTED = {0x0008_0018, 0x0010_0020, 0x0020_000D, 0x0028_0010, 0x0040_A730, 0x7FE0_0010}
UNWANTED = all_but(WANTED)


class OneByOne(FileSource):
    """Has nothing at hand."""

    def at_hand(self, offset: int) -> tuple[bytes, int]:
        """See `Source`."""
        return b"", 0


def walked(content: bytes, kind: type[FileSource], unwanted: Pattern[bytes] | None = None) -> tuple[list[Element], str]:
    meta = read_meta(BytesIO(content), len(content))
    _, offset, encoding = open_dataset(BytesIO(content), len(content), meta)
    found: list[Element] = []
    try:
        for element in walk(kind(BytesIO(content), len(content)), offset, encoding, unwanted):
            found.append(element)
            if len(found) == PATIENCE:
                break
    except InvalidDicom as error:
        return found, str(error)
    return found, "well"


def wanted(walk: tuple[list[Element], str]) -> tuple[list[Element], str]:
    found, end = walk
    return [element for element in found if element.tag in WANTED], end


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_runs_are_what_is_found_one_by_one(content: bytes) -> None:
    found, end = walked(content, FileSource)
    assert (found, end) == walked(content, OneByOne)
    assert end == "well"
    assert len(found) > 20
    some, end = walked(content, FileSource, UNWANTED)
    assert wanted((some, end)) == wanted((found, "well"))
    assert len(some) < len(found) / 2


def run_of_three(tag: int, vr: bytes, length: int) -> tuple[FileSource, int, int]:
    """Three equal elements, as the source that has them at hand, where they begin, and the bytes of one."""
    content = FILES["an image"]
    start = read_meta(BytesIO(content), len(content)).dataset_offset
    one = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + b"\n" * length
    source = FileSource(BytesIO(content[:start] + 3 * one), start + 3 * len(one))
    source.read(start, 1)
    return source, start, len(one)


@pytest.mark.parametrize("tag", [0x0008_0001, 0x0100_0010, 0xFFFD_0001])
@pytest.mark.parametrize("length", [0, 2, 64])
def test_a_run_is_of_any_group_and_many_lengths(tag: int, length: int) -> None:
    source, start, size = run_of_three(tag, b"LO", length)
    assert after_run(source, start, source.end, UNWANTED) == source.end
    assert after_run(source, start, source.end - 1, UNWANTED) == source.end - size


@pytest.mark.parametrize(
    ("tag", "vr", "length"),
    [
        *((tag, b"LO", 2) for tag in (0x0002_0010, 0x0007_0001, 0xFFFE_E00D, 0xFFFF_0001, *sorted(WANTED))),
        *((0x0008_0001, b"LO", length) for length in (1, 63, 66, 258)),
        *((0x0008_0001, vr, 2) for vr in (b"OB", b"SQ", b"UN", b"  ", b"lo")),
    ],
)
def test_no_other_element_is_stepped_over(tag: int, vr: bytes, length: int) -> None:
    source, start, _ = run_of_three(tag, vr, length)
    assert after_run(source, start, source.end, UNWANTED) == start


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_runs_of_what_is_inflated_are_the_same(content: bytes) -> None:
    start = read_meta(BytesIO(content), len(content)).dataset_offset
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(content[start:]) + deflater.flush()

    def found(unwanted: Pattern[bytes] | None) -> list[Element]:
        source = InflatedSource(BytesIO(deflated), len(deflated), 0)
        return wanted((list(walk(source, 0, EXPLICIT_LITTLE, unwanted)), ""))[0]

    assert len(found(UNWANTED)) > 3
    assert found(UNWANTED) == found(None)


@given(content=st.sampled_from(list(FILES.values())), data=st.data())
@settings(max_examples=300)
def test_damage_is_found_at_the_same_place(content: bytes, data: st.DataObject) -> None:
    start = read_meta(BytesIO(content), len(content)).dataset_offset
    damaged = bytearray(content[: data.draw(st.integers(start, len(content)), label="cut")])
    for at in data.draw(st.lists(st.integers(start, start + 2_000), max_size=3), label="hit"):
        if at < len(damaged):
            damaged[at] = data.draw(st.integers(0, 255), label="by")
    found = walked(bytes(damaged), OneByOne)
    assert walked(bytes(damaged), FileSource) == found
    if len(found[0]) < PATIENCE:
        assert wanted(walked(bytes(damaged), FileSource, UNWANTED)) == wanted(found)
