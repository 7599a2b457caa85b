"""Whether a new workitem's values are what their VRs allow (PS3.5 §6.2), and their form in the DICOM JSON Model."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from pacs.errors import BadAttribute
from pacs.uids import is_uid
from pacs.workitem import BadWorkitem, NewWorkitem
from pacs.workitem_fields import FIELDS, Field, Values

_MAX_LENGTH = {"AE": 16, "CS": 16, "LO": 64, "SH": 16}
_MAX_NAME_GROUP_LENGTH = 64
_MAX_NAME_GROUPS = 3
_MAX_NAME_COMPONENTS = 5
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_CODE_STRING = re.compile(r"[A-Z0-9 _]+")
_AE_TITLE = re.compile(r"[ -\[\]-~]+")  # the default repertoire (ISO 646) without the backslash
_SEXES = ("M", "F", "O")  # Enumerated Values, PS3.3 §C.7.1.1


def checked(new: NewWorkitem) -> Values:
    """The values of a workitem in the DICOM JSON Model. `BadWorkitem` names every field that is wrong, not just one."""
    values: dict[str, list[Any]] = {}
    errors: list[BadAttribute] = []
    for field in FIELDS:
        try:
            found = _field_values(field, getattr(new, field.attribute))
        except BadAttribute as error:
            errors.append(error)
        else:
            values.update({field.keyword: found} if found else {})
    if errors:
        raise BadWorkitem(tuple(errors))
    return values


def _field_values(field: Field, given: Any) -> list[Any]:
    raw = given if isinstance(given, tuple) else (given,)
    present = [value for value in map(_stripped, raw) if value not in (None, "")]
    if field.required and not present:
        raise BadAttribute(field.keyword, "must have a value")
    return [_TO_JSON[field.vr](field, value) for value in present]


def _stripped(value: Any) -> Any:
    # Spaces at either end are padding in every text VR used here (PS3.5 Table 6.2-1).
    return value.strip(" ") if isinstance(value, str) else value


def _text(field: Field, value: str) -> str:
    longest = _MAX_LENGTH.get(field.vr)
    if longest is not None and len(value) > longest:
        raise BadAttribute(field.keyword, f"has {len(value)} characters, at most {longest} are allowed ({field.vr})")
    if "\\" in value:
        raise BadAttribute(field.keyword, "must not contain a backslash, which divides values in DICOM")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise BadAttribute(field.keyword, "must not contain control characters")
    return value


def _code_string(field: Field, value: str) -> str:
    if not _CODE_STRING.fullmatch(_text(field, value)):
        raise BadAttribute(field.keyword, "may contain only A-Z, 0-9, space and underscore (CS)")
    if field.keyword == "PatientSex" and value not in _SEXES:
        raise BadAttribute(field.keyword, f"must be one of {', '.join(_SEXES)}")
    return value


def _ae_title(field: Field, value: str) -> str:
    if not _AE_TITLE.fullmatch(_text(field, value)):
        raise BadAttribute(field.keyword, "may contain only ASCII characters (AE)")
    return value


def _uid(field: Field, value: str) -> str:
    if not is_uid(value):
        raise BadAttribute(
            field.keyword, "is not a UID: digits and dots, no leading zeros, at most 64 characters (PS3.5 §9.1)"
        )
    return value


def _person_name(field: Field, value: str) -> dict[str, str]:
    groups = _text(field, value).split("=")
    if len(groups) > _MAX_NAME_GROUPS:
        raise BadAttribute(field.keyword, f"has {len(groups)} representations (=), at most {_MAX_NAME_GROUPS} exist")
    for group in groups:
        if len(group) > _MAX_NAME_GROUP_LENGTH:
            raise BadAttribute(
                field.keyword, f"has {len(group)} characters, at most {_MAX_NAME_GROUP_LENGTH} are allowed (PN)"
            )
        if group.count("^") >= _MAX_NAME_COMPONENTS:
            raise BadAttribute(field.keyword, f"has more than {_MAX_NAME_COMPONENTS} components (^)")
    if not value.strip("^= "):
        raise BadAttribute(field.keyword, "has no component with a value")
    return {kind: group for kind, group in zip(_NAME_GROUPS, groups, strict=False) if group}


def _date(_field: Field, value: dt.date) -> str:
    return value.isoformat().replace("-", "")


def _time(_field: Field, value: dt.time) -> str:
    seconds = f"{value:%H%M%S}"
    return f"{seconds}.{value.microsecond:06d}" if value.microsecond else seconds


def _number(_field: Field, value: int) -> int:
    return int(value)


_TO_JSON: dict[str, Callable[[Field, Any], Any]] = {
    "AE": _ae_title,
    "CS": _code_string,
    "DA": _date,
    "LO": _text,
    "PN": _person_name,
    "SH": _text,
    "TM": _time,
    "UI": _uid,
    "US": _number,
}
