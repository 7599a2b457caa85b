"""DICOM XML beside that of dcmtk, which writes the same model."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pydicom

from pacs.archive import native_xml
from pacs.archive.received import Digest, receive
from pacs.attributes import JSONDataset
from tests.pacs.archive.npi_samples import EVERY_KIND
from tests.pacs.archive.samples import wheel_file
from tests.real.scanner import dcmtk

NUMBERS = {"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"}
FILES = ["CT_small.dcm", "reportsi.dcm", "MR_small.dcm"]
THEIR_OWN = {"SpecificCharacterSet"}  # DICOM JSON is UTF-8, whatever the file is


def test_the_same_elements_with_the_same_values_as_dcmtk(tmp_path: Path) -> None:
    known = EVERY_KIND.keys() - {"inventories"}  # their attributes are younger than Debian's dcmtk
    files = [file for name in sorted(known) for file in EVERY_KIND[name]]
    for number, file in enumerate([*files, *(wheel_file(name).read_bytes() for name in FILES)]):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file)
        theirs = dcmtk("dcm2xml", "--native-format", "--use-xml-namespace", str(path)).stdout.encode()
        assert _content(native_xml.encode(_metadata(path))) == _content(theirs), pydicom.dcmread(path).SOPClassUID.name


def _metadata(path: Path) -> JSONDataset:
    dataset: JSONDataset = orjson.loads(receive(path, Digest().finish()).metadata)
    return dataset


def _content(document: bytes) -> Any:
    """Elements with their attributes and text, numbers as such. Where binary values are differs, and is left out."""
    return _element(ElementTree.fromstring(document), "")


def _element(element: ElementTree.Element, vr: str) -> Any:
    vr = element.get("vr", vr)
    if element.tag.endswith(("BulkData", "InlineBinary")):
        return "binary"
    text = (element.text or "").strip()
    inner = [_element(one, vr) for one in element if one.get("keyword") not in THEIR_OWN]
    return element.tag, sorted(element.items()), f"{float(text):.6g}" if text and vr in NUMBERS else text, inner
