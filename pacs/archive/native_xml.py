"""A dataset of the DICOM JSON Model as XML, in the Native DICOM Model (PS3.19 §A.1, PS3.18 §F.2)."""

import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from pydicom.datadict import keyword_for_tag

from pacs.attributes import JSONDataset

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def encode(dataset: JSONDataset) -> bytes:
    """The document of a dataset, in UTF-8. Characters that XML cannot have become U+FFFD."""
    root = Element("NativeDicomModel", {"xmlns": _NAMESPACE, _SPACE: "preserve"})
    _fill(root, dataset)
    encoded: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded.replace(b"\r", b"&#13;")  # readers of XML take a bare one for a line feed


def _fill(parent: Element, dataset: JSONDataset) -> None:
    for tag, attribute in sorted(dataset.items()):
        element = SubElement(parent, "DicomAttribute", _names(tag, attribute["vr"], dataset))
        if "BulkDataURI" in attribute:
            SubElement(element, "BulkData", {"uri": attribute["BulkDataURI"]})
        elif "InlineBinary" in attribute:
            SubElement(element, "InlineBinary").text = attribute["InlineBinary"]
        for number, value in enumerate(attribute.get("Value", []), start=1):
            if value is not None:
                _add_value(element, attribute["vr"], str(number), value)


def _names(tag: str, vr: str, dataset: JSONDataset) -> dict[str, str]:
    """What names an attribute; a private one is named by its creator in place of its block (as dcmtk does)."""
    if keyword := keyword_for_tag(int(tag, 16)):
        return {"tag": tag, "vr": vr, "keyword": keyword}
    creator: list[Any] = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value", []) if _is_private(tag) else []
    if not creator or not creator[0]:
        return {"tag": tag, "vr": vr}
    return {"tag": f"{tag[:4]}00{tag[6:]}", "vr": vr, "privateCreator": _text(creator[0])}


def _is_private(tag: str) -> bool:
    """Whether an attribute belongs to a private block, and is not the block's own creator."""
    return int(tag[3], 16) % 2 == 1 and tag[4:6] != "00"


def _add_value(element: Element, vr: str, number: str, value: Any) -> None:
    if vr == "SQ":
        _fill(SubElement(element, "Item", number=number), value)
    elif vr == "PN":
        _add_name(SubElement(element, "PersonName", number=number), value)
    else:
        SubElement(element, "Value", number=number).text = _text(value)


def _add_name(element: Element, name: dict[str, str]) -> None:
    for representation in _REPRESENTATIONS:
        if group := name.get(representation):
            inner = SubElement(element, representation)
            for component, text in zip(_COMPONENTS, group.split("^"), strict=False):
                if text:
                    SubElement(inner, component).text = _text(text)


def _text(value: Any) -> str:
    return _NO_XML.sub("\ufffd", str(value))
