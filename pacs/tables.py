"""The instances of a series in columns: rows that share most of what they say, without a dictionary for each.

Of ten attributes of 500 images seven or eight have one value: 500 datasets take ten times the memory of their table,
and thirty times as long to read from JSON (measured).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import lt
from typing import Any, Self, TypeVar, overload

from pacs.attributes import Dataset, JSONDataset, tag
from pacs.searches import LAST
from pacs.table_columns import are_alike, quick_reading, together

T = TypeVar("T")
Rows = Sequence[Dataset]
"""A list of datasets, or a table."""


class Table(Sequence[Dataset]):
    """Datasets by columns, each made when it is looked at; nobody may change them.

    `same` has the attributes that all rows have with the same values, `each` those of which every row has one text or
    whole number, all with one VR: `{"00080018": {"vr": "UI", "Value": ["1.2", "1.3", …]}}`. `others` has the rest, an
    element for each row, None where there is none.
    """

    __slots__ = ("_as_they_are", "_count", "each", "others", "same")

    def __init__(
        self, count: int, same: JSONDataset, each: JSONDataset, others: Mapping[str, Sequence[Any | None]]
    ) -> None:
        self._count = count
        self.same = same
        self.each = each
        self.others = others
        self._as_they_are: set[tuple[str, Any]] = set()

    @classmethod
    def of(cls, rows: Sequence[JSONDataset], tags: Iterable[str]) -> Self:
        """The attributes `tags` of datasets."""
        same: JSONDataset = {}
        each: JSONDataset = {}
        others: dict[str, Sequence[Any | None]] = {}
        for name in tags if rows else ():
            elements = [row.get(name) for row in rows]
            if are_alike(elements):
                if elements[0] is not None:
                    same[name] = elements[0]
            elif (values := together(elements)) is not None:
                each[name] = values
            else:
                others[name] = elements
        return cls(len(rows), same, each, others)

    @property
    def shared(self) -> Dataset:
        """What all rows have in common."""
        return Dataset(self.same)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Dataset: ...

    @overload
    def __getitem__(self, index: slice) -> "Table": ...

    def __getitem__(self, index: int | slice) -> "Dataset | Table":
        if isinstance(index, slice):
            rows = range(self._count)[index]
            return self if rows == range(self._count) else self._picked(len(rows), lambda values: values[index])
        return self._row(range(self._count)[index])

    def __iter__(self) -> Iterator[Dataset]:
        return map(self._row, range(self._count))

    def column(self, keyword: str, read: Callable[[Dataset, str], T]) -> list[T]:
        """What `read`, such as `Dataset.text`, makes of an attribute in each row; nobody may change the list."""
        name = tag(keyword)
        if (element := self.each.get(name)) is not None:
            return self._column(keyword, element, read)
        elements = self.others.get(name)
        if elements is None:
            return [read(Dataset(self.same), keyword)] * self._count
        return [read(Dataset({} if one is None else {name: one}), keyword) for one in elements]

    def in_number_order(self) -> "Table":
        """The same rows by Instance Number and UID; those without a number come last."""
        numbers = [LAST if number is None else number for number in self.column("InstanceNumber", Dataset.integer)]
        if all(map(lt, numbers, islice(numbers, 1, None))):
            return self
        keys = list(zip(numbers, (uid or "" for uid in self.column("SOPInstanceUID", Dataset.text)), strict=True))
        order = sorted(range(self._count), key=keys.__getitem__)
        return self._picked(self._count, lambda values: [values[index] for index in order])

    def _column(self, keyword: str, element: Mapping[str, Any], read: Callable[[Dataset, str], T]) -> list[T]:
        """Mostly the values themselves, which is remembered."""
        values: list[Any] = element["Value"]
        if (keyword, read) in self._as_they_are:
            return values
        quickly = quick_reading(read, values)
        if quickly is None:
            name, vr = tag(keyword), element["vr"]
            return [read(Dataset({name: {"vr": vr, "Value": [value]}}), keyword) for value in values]
        found = list(map(quickly, values))
        if found == values:
            self._as_they_are.add((keyword, read))
        return found

    def _picked(self, count: int, pick: Callable[[Sequence[Any]], Sequence[Any]]) -> "Table":
        each = {name: {"vr": one["vr"], "Value": pick(one["Value"])} for name, one in self.each.items()}
        return Table(count, self.same, each, {name: pick(elements) for name, elements in self.others.items()})

    def _row(self, index: int) -> Dataset:
        own = {name: {"vr": one["vr"], "Value": [one["Value"][index]]} for name, one in self.each.items()}
        rest = {name: values[index] for name, values in self.others.items() if values[index] is not None}
        return Dataset({**self.same, **own, **rest})
