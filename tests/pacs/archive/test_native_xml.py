"""Datasets in the Native DICOM Model."""

from xml.etree import ElementTree

from pacs.archive import native_xml
from pacs.attributes import JSONDataset

NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def encoded(dataset: JSONDataset) -> ElementTree.Element:
    return ElementTree.fromstring(native_xml.encode(dataset))


def test_every_kind_of_value_has_its_element() -> None:
    root = encoded(
        {
            "00100010": {
                "vr": "PN",
                "Value": [{"Alphabetic": "Yamada^Tarou^^Dr.", "Ideographic": "山田^太郎"}],
            },
            "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
            "00080060": {"vr": "CS"},
            "00281101": {"vr": "US", "Value": [256, 0, 16]},
            "00282000": {"vr": "OB", "BulkDataURI": "http://x/bulkdata/00282000"},
            "00281201": {"vr": "OW", "InlineBinary": "AAE="},
            "0040A730": {"vr": "SQ", "Value": [{"0040A160": {"vr": "UT", "Value": ["<&>"]}}, {}]},
            "00091001": {"vr": "LO", "Value": ["private"]},
            "00090010": {"vr": "LO", "Value": ["MAKER"]},
        }
    )
    assert root.tag == f"{NAMESPACE}NativeDicomModel"
    told = {one.get("tag"): one for one in root}
    assert told["00080060"].attrib == {"tag": "00080060", "vr": "CS", "keyword": "Modality"}
    assert [(one.get("number"), one.text) for one in told["00080008"]] == [("1", "ORIGINAL"), ("3", "AXIAL")]
    assert [one.text for one in told["00281101"]] == ["256", "0", "16"]
    assert [one.attrib for one in told["00282000"]] == [{"uri": "http://x/bulkdata/00282000"}]
    assert [(one.tag, one.text) for one in told["00281201"]] == [(f"{NAMESPACE}InlineBinary", "AAE=")]
    assert [len(one) for one in told["0040A730"]] == [1, 0]
    assert told["0040A730"][0][0][0].text == "<&>"
    assert told["00090001"].attrib == {"tag": "00090001", "vr": "LO", "privateCreator": "MAKER"}
    (name,) = told["00100010"]
    components = {group.tag.removeprefix(NAMESPACE): [one.text for one in group] for group in name}
    assert components == {"Alphabetic": ["Yamada", "Tarou", "Dr."], "Ideographic": ["山田", "太郎"]}


def test_text_survives_what_readers_of_xml_do_to_it() -> None:
    (attribute,) = encoded({"00102000": {"vr": "LT", "Value": ["  one\r\n\ttwo\rthree  "]}})
    assert attribute[0].text == "  one\r\n\ttwo\rthree  "


def test_what_xml_cannot_write_is_replaced() -> None:
    (attribute,) = encoded({"00104000": {"vr": "LT", "Value": ["form\x0cfeed\x1b"]}})
    assert attribute[0].text == "form\ufffdfeed\ufffd"
