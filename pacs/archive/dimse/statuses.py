"""Statuses of DIMSE responses with what explains them (PS3.7 Annex C)."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

_LONGEST_COMMENT = 64  # LO


def status(code: int, comment: str = "", *, error_id: int | None = None, tags: Sequence[str] = ()) -> Dataset:
    """A status with Error Comment, cut to its length, Error ID, and Attribute Identifier List of N-* responses."""
    made = Dataset()
    made.Status = code
    if comment:
        made.ErrorComment = comment.encode("ascii", "replace").decode().replace("\\", "/")[:_LONGEST_COMMENT]
    if error_id is not None:
        made.ErrorID = error_id
    if tags:
        made.AttributeIdentifierList = [int(tag, 16) for tag in tags]
    return made
