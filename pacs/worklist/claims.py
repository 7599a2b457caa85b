"""Who makes the workitem of a study, when the PACS itself lets two of them through.

UPS-RS needs none of this: its Create refuses a UID that is taken (PS3.18 §11.4), in one step, whoever asks.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pacs.errors import Conflict


class LocalClaims:
    """Claims within one process; several replicas need a `Claim` that all of them share instead."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    @asynccontextmanager
    async def __call__(self, study_instance_uid: str) -> AsyncIterator[None]:
        """Holds the study; `Conflict` when it is held."""
        if study_instance_uid in self._held:
            raise Conflict("a workitem for this study is being created")
        self._held.add(study_instance_uid)
        try:
            yield
        finally:
            self._held.discard(study_instance_uid)
