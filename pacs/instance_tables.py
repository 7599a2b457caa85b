"""The instances of many series, asked of a PACS that has them in tables: the embedded one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from pacs.caching.instances import ALWAYS, Read, aside
from pacs.caching.rows import ALL
from pacs.caching.states import Place, SeriesRef, batches, place_of
from pacs.errors import PacsFault
from pacs.searches import INSTANCE_KEYWORDS
from pacs.tables import Rows, Table

_ROWS_A_SEARCH = 5_000
"""Reading them takes 1 ms, of the attributes that a search answers unasked."""
_ROWS_OF_OTHERS = 500
"""Of others, which may have several values in each row, it takes six times as long for each of them."""

Search = Callable[[str, Sequence[str], frozenset[str]], Awaitable[list[Table]]]
"""The patient's instances of series with these UIDs, with these attributes."""


class TableReader:
    """Reads tables by `search`, and all attributes of instances, which are in none, by `read_all`."""

    def __init__(self, search: Search, read_all: Read) -> None:
        self._search = search
        self._read_all = read_all

    async def read(self, patient_id: str, series: Sequence[SeriesRef], include: frozenset[str]) -> dict[Place, Rows]:
        """The patient's instances of each of these series that has any, by Instance Number and UID."""
        if ALL in include:
            return await self._read_all(patient_id, series, include)
        keywords = include | ALWAYS
        most = _ROWS_OF_OTHERS if keywords - ALWAYS - INSTANCE_KEYWORDS else _ROWS_A_SEARCH
        uids = [[ref.series for ref in batch] for batch in batches(series, most)]
        answers = await asyncio.gather(*(self._read_some(patient_id, batch, keywords) for batch in uids))
        found = [pair for answer in answers for pair in answer]
        tables = dict(found)
        if len(tables) < len(found):
            raise PacsFault("the PACS told the instances of a series twice")
        return {ref.place: tables[ref.place] for ref in series if ref.place in tables}

    async def _read_some(
        self, patient_id: str, series: Sequence[str], keywords: frozenset[str]
    ) -> list[tuple[Place, Table]]:
        tables = await self._search(patient_id, series, keywords)
        return await aside(sum(map(len, tables)), _in_order, tables)


def _in_order(tables: Iterable[Table]) -> list[tuple[Place, Table]]:
    """Tables that have rows, and where these are."""
    return [(place_of(table.shared), table.in_number_order()) for table in tables if table]
