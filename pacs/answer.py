"""What a server of the PACS answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

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
