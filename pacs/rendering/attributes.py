"""The attributes of a header, for reading only."""

from typing import Any

from pydicom.dataset import Dataset


class Attributes:
    """Those of `dataset`, each looked for once.

    A picture asks for 35, each of which takes pydicom 2 µs (measured); most images of a series share their header.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._values: dict[str, Any] = {}

    def get(self, keyword: str) -> Any:
        """The value; None where the attribute is absent or empty. Raises what pydicom does of one that is damaged."""
        try:
            return self._values[keyword]
        except KeyError:
            value = self._values[keyword] = self.dataset.get(keyword)
            return value
