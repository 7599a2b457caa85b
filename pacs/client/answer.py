"""What a server of the PACS answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from pacs.attributes import JSONDataset
from pacs.errors import PacsFault


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    """Of the header, as they came."""
    content: bytes

    @property
    def headers(self) -> httpx.Headers:
        """The same, by name."""
        return httpx.Headers(self.fields)

    def json(self) -> Any:
        """The body as JSON, whatever its Content-Type: servers label their error answers badly or not at all."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise PacsFault("the PACS answered with something that is not JSON") from None

    def datasets(self) -> list[JSONDataset]:
        """The body of a search or of `/metadata`; empty for 204 and `[]`."""
        if self.status == httpx.codes.NO_CONTENT or not self.content:
            return []
        datasets = self.json()
        if isinstance(datasets, dict):  # some servers send one object bare
            datasets = [datasets]
        if not isinstance(datasets, list) or not all(isinstance(dataset, dict) for dataset in datasets):
            raise PacsFault("the PACS answered a search with something else than datasets")
        return datasets
