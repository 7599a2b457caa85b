import io
import warnings
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest

from pacs.archive.metadata import LONGEST_BINARY_BYTES, MetadataBuilder, absolute
from pacs.attributes import JSONDataset
from pacs.errors import BadDicom
from pacs.part10 import check
from tests.pacs.archive.samples import dataset, encode, wheel_file, wheel_files


def metadata(data: bytes) -> JSONDataset:
    builder = MetadataBuilder()
    check(io.BytesIO(data), len(data), builder.add)
    found: JSONDataset = orjson.loads(orjson.dumps(builder.finish()))
    return found


def good_files() -> list[Path]:
    found = []
    for path in wheel_files():
        try:
            metadata(path.read_bytes())
        except BadDicom:
            continue
        found.append(path)
    return found


def comparable(value: Any) -> Any:
    """Without what may differ: the encoding of empty values, of bulk data and of private elements."""
    if isinstance(value, dict) and "vr" not in value:
        return {tag: comparable(one) for tag, one in value.items() if int(tag[:4], 16) % 2 == 0 and tag != "00080005"}
    if isinstance(value, dict):
        if "BulkDataURI" in value or "InlineBinary" in value:
            return value["vr"]
        values = [comparable(one) if value["vr"] == "SQ" else _stripped(one) for one in value.get("Value", [])]
        return value["vr"], values if any(one is not None for one in values) else []
    return value


def _stripped(value: Any) -> Any:
    value = value.strip() if isinstance(value, str) else value
    return None if value in ("", {"Alphabetic": "^^^^"}) else value


@pytest.mark.parametrize("path", good_files(), ids=lambda path: path.name)
def test_metadata_is_what_pydicom_makes_of_the_file(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pydicom.dcmread(path).to_json_dict(
            bulk_data_threshold=LONGEST_BINARY_BYTES, bulk_data_element_handler=lambda _: "…"
        )
    assert comparable(metadata(path.read_bytes())) == comparable(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chrArab.dcm", {"Alphabetic": "قباني^لنزار"}),
        ("chrGreek.dcm", {"Alphabetic": "Διονυσιος"}),
        ("chrH31.dcm", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}),
        ("chrI2.dcm", {"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"}),
        ("chrX2.dcm", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
        ("chrRuss.dcm", {"Alphabetic": "Люкceмбypг"}),
    ],
)
def test_names_become_utf_8_whatever_their_character_set(name: str, expected: dict[str, str]) -> None:
    found = metadata(wheel_file(name).read_bytes())
    assert found["00100010"]["Value"] == [expected]
    assert found["00080005"]["Value"] == ["ISO_IR 192"]


def test_a_character_set_within_an_item_ends_with_it() -> None:
    made = dataset(SpecificCharacterSet="ISO_IR 100", PatientName="Müller")
    item = pydicom.Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.CodeMeaning = "Люк"
    made.ProcedureCodeSequence = [item]
    made.StudyID = "Übel"
    found = metadata(encode(made))
    assert found["00081032"]["Value"][0]["00080104"]["Value"] == ["Люк"]
    assert found["00200010"]["Value"] == ["Übel"]


def test_long_values_and_pixels_are_references() -> None:
    found = metadata(wheel_file("CT_small.dcm").read_bytes())
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"}
    assert metadata(wheel_file("examples_overlay.dcm").read_bytes())["00880200"]["Value"][0]["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": "bulkdata/00880200/0/7FE00010",
    }


def test_text_that_looks_like_a_reference_is_left_alone() -> None:
    encoded = orjson.dumps({"a": '"BulkDataURI":"x', "b": {"BulkDataURI": "bulkdata/7FE00010"}})
    assert orjson.loads(absolute(encoded, "http://x/1")) == {
        "a": '"BulkDataURI":"x',
        "b": {"BulkDataURI": "http://x/1/bulkdata/7FE00010"},
    }


def test_numbers_that_json_cannot_hold_are_null_or_text() -> None:
    made = dataset(RescaleSlope="1.5")
    made.add_new("RecommendedDisplayFrameRateInFloat", "FL", [float("nan"), 2.5])
    data = encode(made)
    assert metadata(data)["00281053"]["Value"] == [1.5]
    assert metadata(data)["00089459"]["Value"] == [None, 2.5]
    assert metadata(data.replace(b"1.5 ", b"NaN "))["00281053"]["Value"] == ["NaN"]
