import io
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from pacs import workitem_mwl
from pacs.archive.dimse import datasets
from pacs.errors import InvalidDicom
from pacs.workitem_check import checked
from tests.pacs.workitem_examples import full

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def encoded(dataset: Dataset, syntax: pydicom.uid.UID) -> io.BytesIO:
    made = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian)
    assert made is not None
    return io.BytesIO(made)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_worklist_entry_survives_the_wire(syntax: pydicom.uid.UID) -> None:
    entry = workitem_mwl.complete(checked(full()))

    assert datasets.read(encoded(datasets.write(entry), syntax), syntax) == entry


def test_text_of_any_character_set_is_read() -> None:
    given = Dataset()
    given.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    given.PatientName = "Yamada^Tarou=山田^太郎"

    read = datasets.read(encoded(given, ImplicitVRLittleEndian), ImplicitVRLittleEndian)

    assert read["00100010"]["Value"] == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]


@pytest.mark.parametrize(
    ("tag", "element", "value"),
    [
        ("00100020", {"vr": "LO", "Value": ["x" * 100]}, ["x" * 100]),
        ("00400001", {"vr": "AE", "Value": ["CT 東"]}, ["CT ?"]),
        ("001021C0", {"vr": "US", "Value": ["4"]}, [4]),
        ("001021C0", {"vr": "US", "Value": ["four"]}, None),
        ("00101030", {"vr": "DS", "Value": [70.123456789012345]}, [70.1234567890124]),
        ("00080018", {"vr": "nonsense", "Value": ["1.2"]}, ["1.2"]),
        ("00091001", {"vr": "nonsense"}, None),
    ],
)
def test_what_others_stored_is_sent_as_well_as_its_vr_can(tag: str, element: dict[str, Any], value: Any) -> None:
    sent = encoded(datasets.write({tag: element}), ExplicitVRLittleEndian)

    assert datasets.read(sent, ExplicitVRLittleEndian)[tag].get("Value") == value


def test_bytes_that_are_no_dataset_are_refused() -> None:
    with pytest.raises(InvalidDicom):
        datasets.read(io.BytesIO(b"\x10\x00\x20\x00\xff\xff\xff\x00nothing"), ImplicitVRLittleEndian)


def test_no_dataset_is_an_empty_one() -> None:
    assert datasets.read(None, ImplicitVRLittleEndian) == {}
