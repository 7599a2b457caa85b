"""pynetdicom as the requestor, whose reactor surely rests while a request waits for its answer.

pynetdicom's own (3.0) says that it rests before it looks whether it may go on. A `send_…` that closes the checkpoint
between the two takes it for resting, and then the reactor takes the answer and drops it: seen on a busy machine.
"""

import threading
from typing import Any

import pynetdicom.ae
from pynetdicom import AE
from pynetdicom.association import Association


def requestor(ae_title: str) -> AE:
    """An application entity to call others with."""
    return AE(ae_title)


class _Checkpoint(threading.Event):
    """An event whose waiter is no longer paused from the moment in which it is let through."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._turn = threading.Condition()

    def set(self) -> None:
        with self._turn:
            super().set()
            self._turn.notify_all()

    def clear(self) -> None:
        with self._turn:
            super().clear()

    def wait(self, timeout: float | None = None) -> bool:
        with self._turn:
            passed = self._turn.wait_for(self.is_set, timeout)
            self._association._is_paused = not passed
        return passed


class _Requestor(Association):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reactor_checkpoint = _Checkpoint(self)
        self._reactor_checkpoint.set()


pynetdicom.ae.Association = _Requestor  # type: ignore[attr-defined]  # that `AE.associate` calls
