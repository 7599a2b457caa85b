"""`Pacs`: the one face of a PACS that the rest of the program sees."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from operator import itemgetter

from pacs.address import PacsAddress
from pacs.attributes import Dataset
from pacs.caching.bounded import BoundedCache
from pacs.caching.flights import Flights
from pacs.caching.instances import CachedInstances
from pacs.caching.searches import KeptSearches
from pacs.caching.states import Place, SeriesRef, State
from pacs.caching.vouched import VouchedCache
from pacs.caching.witnesses import ChosenWitness
from pacs.dicomweb import DicomWeb
from pacs.errors import Conflict, PacsError
from pacs.fence import Fence
from pacs.frames import ANY_FRAMES, retrieve_frames
from pacs.instance_tables import TableReader
from pacs.instances import InstanceReader
from pacs.multipart import Part
from pacs.orthanc.api import api_address
from pacs.orthanc.door import OrthancDoor
from pacs.orthanc.files import OrthancFiles
from pacs.orthanc.index import OrthancIndex
from pacs.orthanc.store import OrthancStore
from pacs.owners import Owners
from pacs.pictures import Pictures
from pacs.queries import Match, exact
from pacs.searches import StudySearch, by_number, in_order
from pacs.small_files import SmallFiles
from pacs.storing import Storing
from pacs.stow import NewObject
from pacs.studies import ObjectFile, Studies
from pacs.study_finder import StudyFinder
from pacs.tables import Rows
from pacs.told import if_told


class Pacs:
    """One PACS. Methods raise the errors of `pacs.errors`."""

    def __init__(self, address: PacsAddress, *, cache_bytes: int = 0) -> None:
        """What is read of instances, their thumbnails, and searches are kept up to `cache_bytes` in all."""
        self._web = DicomWeb(address)
        self._flights = Flights()
        self._studies = Studies(self._web, self._flights)
        self.owners = Owners(self._studies)
        self._fence = Fence(self._web, self._studies, self.owners)
        self._cache = BoundedCache(cache_bytes)
        self._witness = ChosenWitness(address, self._rows_of)
        afresh = self._cache.is_on
        reader = InstanceReader(self._web, partial(self._fence.below, "instances", "SeriesInstanceUID", afresh=afresh))
        by_table = TableReader(partial(self._fence.tables, afresh=afresh), reader.read)
        vouched = VouchedCache(self._cache, self._witness)
        read = by_table.read if address.tells_tables else reader.read
        self._instances = CachedInstances(vouched, read)
        orthanc = api_address(address)
        self._door = OrthancDoor(orthanc) if orthanc else None
        self._index = OrthancIndex(self._door, self._flights)
        self._finder = StudyFinder(self._fence, self._index, KeptSearches(vouched))
        self._orthanc = OrthancFiles(self._door) if self._door else None
        self._small_files = SmallFiles(orthanc, self._door.is_open) if orthanc and self._door else None
        self.pictures = Pictures(self._web, self.retrieve, vouched, self._small_files)
        past_stow = OrthancStore(self._door) if self._door else None
        self._storing = Storing(self._web, self._studies, self.retrieve, past_stow)

    async def aclose(self) -> None:
        """Closes all connections, and ends the makers of pictures."""
        await self.pictures.aclose()
        await self._witness.aclose()
        for ways in (self._door, self._small_files):
            if ways is not None:
                await ways.aclose()
        await self._web.aclose()

    @property
    def cached_bytes(self) -> int:
        """About how much memory what is kept holds."""
        return self._cache.size_bytes

    def forget(self, study: str) -> None:
        """Drops what is kept of a study: it has changed, or may have."""
        self._flights.part()
        self.pictures.part()
        self._cache.drop(study)

    async def ping(self) -> None:
        """Returns when the PACS answers a search; raises why it does not."""
        await self._web.search("studies", "StudyInstanceUID=0.0&limit=1")

    async def studies(self, search: StudySearch, include: Iterable[str] = ()) -> list[Dataset]:
        """The patient's studies that fulfil `search`, newest first; for reading only."""
        return await self._finder.find(search, include)

    async def series(self, patient_id: str, studies: Iterable[str], include: Iterable[str] = ()) -> list[Dataset]:
        """The series of these studies of the patient, by study and Series Number."""
        include = self._of_series(include)
        return by_number(await self._fence.below("series", "StudyInstanceUID", patient_id, studies, include))

    async def series_with(self, patient_id: str, studies: Collection[str], include: Collection[str]) -> list[Dataset]:
        """`series` for who needs no attributes but these, whoever is the quickest to tell them."""
        include = self._of_series(include)
        found = await self._index.series(exact("patientID", patient_id), studies, include)
        return await self.series(patient_id, studies, include) if found is None else by_number(found)

    async def series_at_hand(self, patient_id: str, include: Collection[str]) -> list[Dataset] | None:
        """The same of all studies of the patient, where somebody tells so at once; else None."""
        found = await self._index.series(exact("patientID", patient_id), None, self._of_series(include))
        return found and by_number(found)

    async def series_state(self, study: str, series: str) -> State | None:
        """Equal states mean equal objects. None where the PACS does not tell."""
        return await if_told(self._witness.state(SeriesRef(study, series), None))

    def _of_series(self, include: Iterable[str]) -> frozenset[str]:
        """What is asked for of series: also what tells their state."""
        return frozenset(include).union(self._witness.row_keywords if self._cache.is_on else ())

    async def instances(
        self, patient_id: str, series: Iterable[SeriesRef], include: Iterable[str] = ()
    ) -> dict[Place, Rows]:
        """The instances of each of these series of the patient, by Instance Number; for reading only.

        A series of the patient without instances, or that is none, is left out.
        """
        return await self._instances.of(exact("patientID", patient_id), series, include)

    async def instances_by_uid(
        self, patient_id: str, instances: Iterable[str], include: Iterable[str] = ()
    ) -> list[Dataset]:
        """These instances of the patient, in no order."""
        return await self._fence.below("instances", "SOPInstanceUID", patient_id, instances, include)

    async def stored(self, instances: Iterable[str], include: Iterable[str] = ()) -> list[Dataset]:
        """These instances, whosever they are: for who has just stored them."""
        uids = ("SOPInstanceUID", instances)
        return await self._studies.search("instances", Match({}), include=include, uids=uids)

    async def study_places(self, study: str) -> list[tuple[str, str, str]]:
        """Study, series and instance UID of every instance of a study, in order; whosever it is.

        `Conflict` when PACS and standard part ways and the study is several patients': nobody may have them together.
        """
        match = Match({"StudyInstanceUID": study})
        found = await self._studies.search("instances", match, include=("PatientID",))
        if len({instance.whole_text("PatientID") for instance in found}) > 1:
            raise Conflict("several patients have a study with this StudyInstanceUID")
        found.sort(key=lambda one: in_order(one, "InstanceNumber", "SOPInstanceUID"))
        places = [(study, one.text("SeriesInstanceUID") or "", one.text("SOPInstanceUID") or "") for one in found]
        return sorted(places, key=itemgetter(1))

    async def store(self, objects: Sequence[NewObject]) -> list[PacsError | None]:
        """Stores Part 10 files; None for each that the PACS now holds, else why not. See `Storing.store`."""
        try:
            return await self._storing.store(objects)
        finally:
            for study in {one.header.study_instance_uid for one in objects}:
                self.forget(study)

    @asynccontextmanager
    async def retrieve(self, study: str, series: str, instance: str) -> AsyncIterator[ObjectFile]:
        """The bytes of one object by the fastest way that the PACS has; see `Studies.retrieve`."""
        if self._orthanc is not None:
            async with self._orthanc.retrieve(study, series, instance) as file:
                if file is not None:
                    yield file
                    return
        async with self._studies.retrieve(study, series, instance) as file:
            yield file

    async def metadata(self, patient_id: str, study: str, series: str, instance: str | None = None) -> list[Dataset]:
        """All attributes but the bulky ones, of one instance or of all in a series of the patient (PS3.18 §10.4)."""
        return await self._fence.metadata(patient_id, study, series, instance)

    def frames(
        self, study: str, series: str, instance: str, numbers: Sequence[int], accept: str = ANY_FRAMES
    ) -> AbstractAsyncContextManager[AsyncIterator[Part]]:
        """Frames of one object, as stored; see `retrieve_frames`."""
        return retrieve_frames(self._web, f"studies/{study}/series/{series}/instances/{instance}", numbers, accept)

    async def _rows_of(self, series: SeriesRef, patient_id: str | None, include: Iterable[str]) -> list[Dataset]:
        """The rows of one series of one study, of the patient where one is given; asked anew."""
        keyword, uids = "SeriesInstanceUID", [series.series]
        if patient_id is None:
            found = await self._studies.search("series", Match({}), include=include, uids=(keyword, uids), afresh=True)
        else:
            found = await self._fence.below("series", keyword, patient_id, uids, include, afresh=True)
        return [row for row in found if row.text("StudyInstanceUID") == series.study]
