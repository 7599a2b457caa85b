"""Pages of a worklist by seeking: stable while workitems come and go, whatever order the server answers in."""

from collections.abc import Awaitable, Callable, Sequence

from pacs.errors import BadQuery
from pacs.workitem import Workitem
from pacs.worklist.protocol import Position, WorkitemPage, WorkitemSearch, position

Fetch = Callable[[int, int], Awaitable[Sequence[Workitem | None]]]
"""The server's answer for an offset and a limit, with None for what is no workitem."""

_PAGE = 500
_MAX_UNSORTED = 10_000


async def collect(
    fetch: Fetch, search: WorkitemSearch, *, first: int, after: Position | None, newest_first: bool
) -> list[Workitem]:
    """What may stand on a page of `first` behind `after`, and one more if there is any.

    A server that answers `newest_first` is read until the page is full; any other must be read to its end.
    """
    wanted: dict[Position, Workitem] = {}
    seen: set[Position] = set()
    limit = first + 1 if newest_first else _PAGE
    offset = 0
    while True:
        answer = await fetch(offset, limit)
        new = {position(one): one for one in answer if one}
        fresh = {place: one for place, one in new.items() if place not in seen}
        wanted |= {place: one for place, one in fresh.items() if _is_behind(place, after) and search.accepts(one)}
        seen |= fresh.keys()
        offset += len(answer)
        # A server that ignores offset or limit answers the same again, or everything at once.
        if (new and not fresh) or len(answer) != limit or (newest_first and len(wanted) > first):
            return list(wanted.values())
        if not newest_first and len(seen) >= _MAX_UNSORTED:
            raise BadQuery(f"more than {_MAX_UNSORTED} workitems match: narrow the search by patient, station or day")


def cut(found: list[Workitem], first: int) -> WorkitemPage:
    """The page of what was collected."""
    ordered = sorted(found, key=position, reverse=True)
    return WorkitemPage(ordered[:first], more=len(ordered) > first)


def _is_behind(place: Position, after: Position | None) -> bool:
    return after is None or place < after
