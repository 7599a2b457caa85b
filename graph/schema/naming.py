"""Names as the contract has them.

`patient_id` → `patientID`, `generate_uids` → `generateUIDs`; of keywords, `SOPClassUID` → `sopClassUID`.
"""

import re
from functools import lru_cache

from strawberry.schema.name_converter import NameConverter

_ABBREVIATIONS = {"id": "ID", "uid": "UID", "uids": "UIDs", "url": "URL", "uri": "URI", "ae": "AE"}
_FIRST_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+$|[A-Z]")


class ContractNames(NameConverter):
    """Camel case in which the field's abbreviations keep their capitals."""

    def apply_naming_config(self, name: str) -> str:
        """The GraphQL name of a Python name."""
        return _camel_case(name)


@lru_cache(1024)
def _camel_case(name: str) -> str:
    """Asked by strawberry for every argument of every field that it resolves."""
    first, *others = name.split("_")
    return first + "".join(_ABBREVIATIONS.get(word, word.capitalize()) for word in others)


def field_name(keyword: str) -> str:
    """The contract's rule for attributes: the DICOM keyword with its first word in lower case."""
    return _FIRST_WORD.sub(lambda word: word.group().lower(), keyword, count=1)
