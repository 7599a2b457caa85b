"""The instances of many series, asked of a PACS that has them in tables: the embedded one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pacs.caching.instances import ALWAYS, Read
from pacs.caching.states import Place, SeriesRef, batches, place_of
from pacs.tables import Rows, Table

_ROWS_A_SEARCH = 5_000
"""Reading them takes 1 ms."""

Search = Callable[[str, Sequence[str], frozenset[str]], Awaitable[list[Table]]]
"""The patient's instances of series with these UIDs, with these attributes."""


class TableReader:
    """Reads tables by `search`, and all attributes of instances, which are in none, by `read_all`."""

    def __init__(self, search: Search, read_all: Read) -> None:
        self._search = search
        self._read_all = read_all

    async def read(self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]) -> dict[Place, Rows]:
        """The patient's instances of each of these series that has any, by Instance Number and UID."""
        if "all" in include:
            return await self._read_all(patient_id, series, include)
        uids = ([ref.series for ref in batch] for batch in batches(series, _ROWS_A_SEARCH))
        answers = await asyncio.gather(*(self._search(patient_id, batch, include | ALWAYS) for batch in uids))
        found = {place_of(table.shared): table for answer in answers for table in answer}
        return {ref.place: found[ref.place].in_number_order() for ref in series if ref.place in found}
