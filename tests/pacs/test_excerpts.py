"""An excerpt of an answer has what the answer has of the wanted attributes, and nothing else."""

import json

import orjson
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs.excerpts import excerpt

PATIENT, ROWS, SEQUENCE = "00100020", "00280010", "00081140"


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "test-SR.dcm"])
def test_attributes_of_a_file_come_as_they_are(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    content = dcmread(path, stop_before_pixels=True).to_json().encode()
    whole = orjson.loads(content)
    for tags in (frozenset(whole), frozenset({PATIENT, ROWS}), frozenset[str]()):
        wanted = {tag: element for tag, element in whole.items() if tag in tags}
        assert excerpt(b"[%b,%b]" % (content, content), tags) == [wanted, wanted]


def test_an_attribute_of_an_item_is_not_one_of_the_dataset() -> None:
    inner = {PATIENT: {"vr": "LO", "Value": ["another"]}, ROWS: {"vr": "US", "Value": [7]}}
    dataset = {SEQUENCE: {"vr": "SQ", "Value": [inner]}, PATIENT: {"vr": "LO", "Value": ['his "00280010": 1']}}
    for indent in (None, 2, "\t"):
        assert excerpt(json.dumps([dataset], indent=indent).encode(), frozenset({PATIENT, ROWS})) == [
            {PATIENT: dataset[PATIENT]}
        ]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"00100020": {}}', b"[1]", b"[null]", b"[{}", b"<html>", b"[" * 9999]
)
def test_what_is_no_list_of_datasets_is_left_to_others(content: bytes) -> None:
    assert excerpt(content, frozenset({PATIENT})) is None
