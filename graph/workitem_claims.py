"""Who makes the workitem of a study, among all replicas: for worklists that let two of them through."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pacs.errors import Conflict
from persistence.errors import StoreError
from persistence.protocol import Leases
from persistence.records import now


class SharedClaims:
    """A `pacs.worklist.protocol.Claim` in the store; a replica that dies frees its claims after `lease_seconds`."""

    def __init__(self, leases: Leases, lease_seconds: float) -> None:
        """`lease_seconds` must be more than making a workitem can take."""
        self._leases = leases
        self._lease_seconds = lease_seconds

    @asynccontextmanager
    async def __call__(self, study_instance_uid: str) -> AsyncIterator[None]:
        """Holds the study; `Conflict` when it is held."""
        name, holder = f"workitem {study_instance_uid}", uuid.uuid4().hex
        if not await self._leases.take_lease(name, holder, now(), lease_seconds=self._lease_seconds):
            raise Conflict("a workitem for this study is being created")
        try:
            yield
        finally:
            with contextlib.suppress(StoreError):  # it ends by itself
                await self._leases.end_lease(name, holder)
