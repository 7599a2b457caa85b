"""Flat records as documents, and back: one field of the record is `_id`, the others keep their names."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from persistence.records import Record

R = TypeVar("R", bound=Record)


class Documents(Generic[R]):
    """How records of one kind lie in their collection."""

    def __init__(self, record: type[R], key: str = "id") -> None:
        """`key` is the field that is `_id`."""
        self._record = record
        self._key = key

    def document(self, record: R) -> dict[str, Any]:
        """What Beanie's class, or the driver, takes."""
        values = dict(record)
        return {"_id": values.pop(self._key), **values}

    def record(self, document: Mapping[str, Any] | None) -> R | None:
        """The record in a document; `None` for none."""
        if document is None:
            return None
        values = {name: value for name, value in document.items() if name not in ("_id", "revision_id")}
        return self._record.model_validate({self._key: document["_id"], **values})

    def records(self, documents: list[Mapping[str, Any]]) -> list[R]:
        """The records in documents."""
        return [record for document in documents if (record := self.record(document)) is not None]
