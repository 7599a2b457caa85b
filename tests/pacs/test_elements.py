"""Walking a dataset: the short way over runs of plain elements finds what the long way does, and stumbles alike."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from pacs.element_headers import Element
from pacs.elements import walk
from pacs.errors import InvalidDicom
from pacs.file_meta import open_dataset, read_meta
from pacs.sources import FileSource
from tests.samples import Exam

FILES = {
    "an image": Exam().image().content,
    "a report": Path(str(get_testdata_file("test-SR.dcm"))).read_bytes(),
    "a CT": Path(str(get_testdata_file("CT_small.dcm"))).read_bytes(),
}
PATIENCE = 3_000


class OneByOne(FileSource):
    """Has nothing at hand."""

    def at_hand(self, offset: int) -> tuple[bytes, int]:
        """See `Source`."""
        return b"", 0


def walked(content: bytes, kind: type[FileSource]) -> tuple[list[Element], str]:
    meta = read_meta(BytesIO(content), len(content))
    _, offset, encoding = open_dataset(BytesIO(content), len(content), meta)
    found: list[Element] = []
    try:
        for element in walk(kind(BytesIO(content), len(content)), offset, encoding):
            found.append(element)
            if len(found) == PATIENCE:
                break
    except InvalidDicom as error:
        return found, str(error)
    return found, "well"


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_runs_are_what_is_found_one_by_one(content: bytes) -> None:
    found, end = walked(content, FileSource)
    assert (found, end) == walked(content, OneByOne)
    assert end == "well"
    assert len(found) > 20


@given(content=st.sampled_from(list(FILES.values())), data=st.data())
@settings(max_examples=300)
def test_damage_is_found_at_the_same_place(content: bytes, data: st.DataObject) -> None:
    start = read_meta(BytesIO(content), len(content)).dataset_offset
    damaged = bytearray(content[: data.draw(st.integers(start, len(content)), label="cut")])
    for at in data.draw(st.lists(st.integers(start, start + 2_000), max_size=3), label="hit"):
        if at < len(damaged):
            damaged[at] = data.draw(st.integers(0, 255), label="by")
    assert walked(bytes(damaged), FileSource) == walked(bytes(damaged), OneByOne)
