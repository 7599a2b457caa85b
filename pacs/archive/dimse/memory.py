"""The memory of large messages: a few of them at a time, over all associations of a server."""

import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

LARGE_BYTES = 4 * 1024 * 1024
"""A dataset of more bytes than these is a large one."""

_AT_A_TIME = 2
_LOOK_SECONDS = 0.1


class LargeMessages:
    """Places for messages whose datasets are large; there is none left when others are received or served."""

    def __init__(self, at_a_time: int = _AT_A_TIME) -> None:
        self._places = threading.BoundedSemaphore(at_a_time)

    def enter(self, seconds: float, is_over: Callable[[], bool]) -> bool:
        """Waits for a place, so long and unless it `is_over`; whether there is one, to be given back by `leave`."""
        deadline = time.monotonic() + seconds
        while not is_over() and time.monotonic() < deadline:
            if self._places.acquire(timeout=_LOOK_SECONDS):
                return True
        return False

    def leave(self) -> None:
        """Gives a place back."""
        self._places.release()


def is_large(request: Any) -> bool:
    """Whether the dataset of a request, which pynetdicom holds in one of its attributes, is a large one."""
    return any(isinstance(held, BytesIO) and held.getbuffer().nbytes > LARGE_BYTES for held in vars(request).values())
