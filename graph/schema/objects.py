"""Objects of a `dicom_type` over the rows of a table: none is made before it is looked at."""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Generic, TypeVar, overload

from graph.engine.columns import ColumnarList
from graph.schema.attributes import columns_of
from pacs.tables import Table

T = TypeVar("T")


class Objects(ColumnarList[T], Generic[T]):
    """`make(dataset=…)` of every row, with what they share as further arguments."""

    def __init__(self, make: Callable[..., T], table: Table, **shared: Any) -> None:
        self.table = table
        self._make = make
        self._shared = shared
        self._columns: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> "Objects[T]": ...

    def __getitem__(self, index: int | slice) -> "T | Objects[T]":
        if isinstance(index, slice):
            table = self.table[index]
            return self if table is self.table else Objects(self._make, table, **self._shared)
        return self._make(dataset=self.table[index], **self._shared)

    def __iter__(self) -> Iterator[T]:
        return (self._make(dataset=dataset, **self._shared) for dataset in self.table)

    def column(self, name: str) -> list[Any]:
        """See `ColumnarList`."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._read(name)
        return found

    def _read(self, name: str) -> list[Any]:
        if name == "dataset":
            return list(self.table)
        shared, _, of_shared = name.partition(".")
        if shared in self._shared:
            value = self._shared[shared]
            return [attrgetter(of_shared)(value) if of_shared else value] * len(self)
        read = columns_of(self._make).get(name)
        return read(self) if read else [getattr(one, name) for one in self]
