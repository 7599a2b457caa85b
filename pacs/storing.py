"""Storing objects in a PACS: in few requests, each object's fate its own, and nothing stored over anything else."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from weakref import WeakValueDictionary

from pacs import stow
from pacs.dicomweb import DicomWeb
from pacs.duplicates import same_object
from pacs.errors import Conflict, NotFound, PacsError, PacsFault, PacsUnavailable, Refused
from pacs.orthanc.store import OrthancStore, Said
from pacs.queries import Match
from pacs.stow import NewObject
from pacs.studies import ObjectFile, Studies

_AT_ONCE, _AT_ONCE_IN_ALL = 4, 8
"""Batches of one call, and of all. Orthanc stores no faster with more, and they cost us (measured)."""
_BATCH_BYTES, _BATCH_BYTES_BESIDE_OTHERS = 8 * 1024 * 1024, 16 * 1024 * 1024
"""Of batches, for a call alone and one beside others. Alone, 25 MB take 0.70 of Orthanc's time with the first and 0.88
with the second; eight such calls at once 1.08 and 0.99 (measured).
"""
_BATCH_OBJECTS = 50

Outcome = PacsError | None
"""None: the PACS holds the object."""
Retrieve = Callable[[str, str, str], AbstractAsyncContextManager[ObjectFile]]


class Storing:
    """Stores in one PACS. Objects with the same UID, in whichever calls, are stored one after another."""

    def __init__(
        self, web: DicomWeb, studies: Studies, retrieve: Retrieve, orthanc: OrthancStore | None = None
    ) -> None:
        self._web = web
        self._studies = studies
        self._retrieve = retrieve
        self._orthanc = orthanc
        self._slots = asyncio.Semaphore(_AT_ONCE_IN_ALL)
        self._calls = 0
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def store(self, objects: Sequence[NewObject]) -> list[Outcome]:
        """What became of each. What is stored already, unchanged, is success, and is not sent again.

        `Conflict` when other content is stored under the UID. PACSs that would not tell are asked first, which also
        shows wrong credentials before the files are on their way.
        """
        slots = asyncio.Semaphore(_AT_ONCE)
        outcomes: list[Outcome] = [None] * len(objects)
        is_beside_others = self._calls and not self._web.address.takes_given  # whose large objects go one by one
        most_bytes = _BATCH_BYTES_BESIDE_OTHERS if is_beside_others else _BATCH_BYTES

        async def store(batch: Sequence[int]) -> None:
            async with slots, self._slots:
                told = await self._store_batch([objects[place] for place in batch])
            for place in batch:
                outcomes[place] = told[objects[place].uid]

        self._calls += 1
        try:
            await asyncio.gather(*map(store, _batches(objects, most_bytes)))
        finally:
            self._calls -= 1
        return outcomes

    async def _store_batch(self, batch: Sequence[NewObject]) -> dict[str, Outcome]:
        if self._web.address.tells_conflicts:
            return await self._send(batch)
        async with AsyncExitStack() as stack:
            for uid in sorted(one.uid for one in batch):  # the same order for all, or two would wait for each other
                await stack.enter_async_context(self._turns.setdefault(uid, asyncio.Lock()))
            try:
                known = await self._known(batch)
            except PacsError as error:
                return dict.fromkeys((one.uid for one in batch), error)
            told = known or {}
            new = [one for one in batch if one.uid not in told]
            told |= await self._send_to_orthanc(new, in_a_form=known is not None)
            return told | await self._send([one for one in new if one.uid not in told])

    async def _send_to_orthanc(self, batch: Sequence[NewObject], *, in_a_form: bool) -> dict[str, Outcome]:
        """What Orthanc itself says of those that it takes past its DICOMweb plugin.

        In a form go only objects of which it is known that they were not there.
        """
        if self._orthanc is None:
            return {}
        try:
            held = await self._orthanc.forms.store(batch) if in_a_form else None
        except PacsError as error:
            return dict.fromkeys((one.uid for one in batch), error)
        told: dict[str, Outcome] = dict.fromkeys(held or ())
        of_any_size = held is not None or len(batch) == 1
        for one in batch:
            if one.uid not in told:
                told |= await self._said(self._orthanc, one, of_any_size=of_any_size)
        return told

    async def _said(self, orthanc: OrthancStore, one: NewObject, *, of_any_size: bool) -> dict[str, Outcome]:
        """What Orthanc says of one object; nothing where it leaves that to its DICOMweb plugin."""
        try:
            said = await orthanc.store(one, of_any_size=of_any_size)
            if said is Said.KNOWN:  # it has come by another way since we asked
                return {one.uid: None} | (await self._known([one]) or {})
        except PacsError as error:
            return {one.uid: error}
        if said is Said.FILTERED:
            return {one.uid: Refused("the PACS did not store the object: a script of Orthanc keeps it out")}
        return {one.uid: None} if said is Said.STORED else {}

    async def _send(self, batch: Sequence[NewObject]) -> dict[str, Outcome]:
        if not batch:
            return {}
        uids = [one.uid for one in batch]
        try:
            outcomes = await stow.store(self._web, batch)
        except (PacsFault, PacsUnavailable) as error:  # perhaps because of one of them
            outcomes = [error] * len(batch)
        except PacsError as error:
            return dict.fromkeys(uids, error)
        told: dict[str, Outcome] = dict(zip(uids, outcomes, strict=True))
        if len(batch) > 1:
            unsaid = [one for one in batch if _is_unsaid(told[one.uid])]
            for answer in await asyncio.gather(*(self._send([one]) for one in unsaid)):
                told |= answer
        return told

    async def _known(self, batch: Sequence[NewObject]) -> dict[str, Outcome] | None:
        """Of those that the PACS has under their UIDs, whether it has them as they are; None if it cannot be asked."""
        uids = ("SOPInstanceUID", [one.uid for one in batch])
        try:
            found = await self._studies.search("instances", Match({}), uids=uids, afresh=True)
        except (NotFound, PacsFault):  # no search for instances: then the PACS's own word must do
            return None
        places: dict[str, list[tuple[str, str]]] = {}
        for one in found:
            place = one.text("StudyInstanceUID") or "", one.text("SeriesInstanceUID") or ""
            places.setdefault(one.text("SOPInstanceUID") or "", []).append(place)
        return {one.uid: await self._compared(one, places[one.uid]) for one in batch if one.uid in places}

    async def _compared(self, new: NewObject, places: Iterable[tuple[str, str]]) -> Outcome:
        try:
            for study, series in places:
                async with self._retrieve(study, series, new.uid) as stored:
                    if not await same_object(new.file, new.size, stored.chunks):
                        return Conflict("another object with this SOP Instance UID is stored already")
        except PacsError as error:
            return error
        return None


def _is_unsaid(outcome: Outcome) -> bool:
    """Whether the PACS said nothing of this very object; alone it may."""
    return isinstance(outcome, PacsFault | PacsUnavailable) or (isinstance(outcome, Refused) and outcome.reason is None)


def _batches(objects: Sequence[NewObject], most_bytes: int) -> Iterator[list[int]]:
    """The places of objects that are sent together, none with the UID of another."""
    batch: list[int] = []
    uids: set[str] = set()
    size = 0
    for place, one in enumerate(objects):
        if batch and (one.uid in uids or len(batch) == _BATCH_OBJECTS or size + one.size > most_bytes):
            yield batch
            batch, uids, size = [], set(), 0
        batch.append(place)
        uids.add(one.uid)
        size += one.size
    if batch:
        yield batch
