"""DICOM unique identifiers: checking and making them (PS3.5 ch. 9 and Annex B)."""

import re
import secrets
import uuid

_MAX_UID_LENGTH = 64
_MAX_ROOT_LENGTH = 36
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
_LENIENT_UID = re.compile(r"\d+(\.\d+)+", re.ASCII)
_UUID_ROOT = "2.25"
_RESERVED_ROOT = "1.2.840.10008"


def is_uid(text: str, *, lenient: bool = False) -> bool:
    """Whether `text` is a UID: at most 64 characters, first arc 0–2, second at most 39 under 0 and 1.

    `lenient` admits components with leading zeros, which older equipment makes and PACSs store (measured).
    """
    if len(text) > _MAX_UID_LENGTH or not (_LENIENT_UID if lenient else _UID).fullmatch(text):
        return False
    first, second = (int(arc) for arc in text.split(".")[:2])
    return (first < 2 and second < 40) or first == 2


def check_root(root: str) -> str:
    """An organisation's root, fit to make UIDs under; else `ValueError` with the reason.

    Above 36 characters too few random digits are left: the chance that two of 10⁹ UIDs are equal passes 10⁻⁹.
    """
    if not is_uid(root):
        raise ValueError(f"{root!r} is not a UID: digits and dots, no leading zeros, e.g. 1.2.826.0.1.3680043.8.498")
    if root == _RESERVED_ROOT or root.startswith(_RESERVED_ROOT + "."):
        raise ValueError(f"{_RESERVED_ROOT} is reserved for the DICOM standard: use your organisation's own root")
    if len(root) > _MAX_ROOT_LENGTH:
        raise ValueError(f"the root has {len(root)} characters, at most {_MAX_ROOT_LENGTH} leave room for unique UIDs")
    return root


def new_uid(root: str | None = None) -> str:
    """A new UID: under `root` with 64 characters, or `2.25.` and a random UUID (PS3.5 §B.2) without one."""
    if root is None:
        return f"{_UUID_ROOT}.{uuid.uuid4().int}"
    digits = _MAX_UID_LENGTH - len(root) - 1
    lowest = 10 ** (digits - 1)
    return f"{root}.{lowest + secrets.randbelow(9 * lowest)}"
