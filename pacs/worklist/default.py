"""The worklist where none was named: the PACS's own where it has one, else another (the embedded one)."""

import asyncio

from pacs.dicomweb import DicomWeb
from pacs.workitem import Workitem
from pacs.workitem_fields import Values
from pacs.worklist.dialects import has_worklist, open_worklist
from pacs.worklist.protocol import Position, WorkitemPage, WorkitemSearch, WorklistDialect


class DefaultWorklist:
    """Asks the PACS once whether it has a worklist, at the first use, and stays with the answer.

    While the PACS cannot be asked, every method raises why: a workitem must not land in one worklist today and in
    another tomorrow.
    """

    def __init__(self, pacs: DicomWeb, otherwise: WorklistDialect) -> None:
        self._pacs = pacs
        self._otherwise = otherwise
        self._chosen: WorklistDialect | None = None
        self._choosing = asyncio.Lock()

    async def create(self, values: Values) -> Workitem:
        """See `WorklistDialect.create`."""
        return await (await self._worklist()).create(values)

    async def search(self, search: WorkitemSearch, *, first: int, after: Position | None = None) -> WorkitemPage:
        """See `WorklistDialect.search`."""
        return await (await self._worklist()).search(search, first=first, after=after)

    async def find(self, study_instance_uid: str) -> Workitem | None:
        """See `WorklistDialect.find`."""
        return await (await self._worklist()).find(study_instance_uid)

    async def delete(self, study_instance_uid: str) -> None:
        """See `WorklistDialect.delete`."""
        await (await self._worklist()).delete(study_instance_uid)

    async def _worklist(self) -> WorklistDialect:
        async with self._choosing:
            if self._chosen is None:
                has_one = await has_worklist(self._pacs)
                self._chosen = open_worklist(self._pacs, "ups") if has_one else self._otherwise
            return self._chosen
