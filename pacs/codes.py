"""Items of code sequences, and the schemes of the codes in workitems."""

from pacs.attributes import JSONDataset, element, tag

MODALITY_SCHEME = "DCM"
STATION_SCHEME = "99DCMAETITLE"
STATION_NAME_SCHEME = "99DCMSTATION"


def code(value: str, scheme: str, meaning: str) -> JSONDataset:
    """An item of a code sequence (PS3.3 Table 8.8-1)."""
    return {
        tag("CodeValue"): element("SH", [value]),
        tag("CodingSchemeDesignator"): element("SH", [scheme]),
        tag("CodeMeaning"): element("LO", [meaning]),
    }
