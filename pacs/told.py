"""What a PACS may tell or not, where there is another way to know it."""

from collections.abc import Awaitable
from typing import TypeVar

from pacs.errors import PacsError, PacsTimeout

T = TypeVar("T")


async def if_told(reading: Awaitable[T]) -> T | None:
    """What is read; None where the PACS fails to tell it, or does not let us ask.

    Raises `PacsTimeout`: who is silent would keep the client waiting once more, by the other way.
    """
    try:
        return await reading
    except PacsTimeout:
        raise
    except PacsError:
        return None
