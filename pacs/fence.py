"""Searches for what is one patient's.

patientID is the fence: it goes into every search *and* is checked again, character by character, on every answer, since
PACSs match it loosely (commas, wildcards, case).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pacs.attributes import Dataset
from pacs.decoding import Decoding
from pacs.dicomweb import DicomWeb
from pacs.owners import Owners
from pacs.queries import Match, Wanted, exact
from pacs.searches import StudySearch
from pacs.studies import Studies
from pacs.tables import Table


class Fence:
    """Around the studies of one PACS. Methods raise the errors of `pacs.errors`."""

    def __init__(self, web: DicomWeb, studies: Studies, owners: Owners) -> None:
        self._web = web
        self._studies = studies
        self._owners = owners
        self._decoding = Decoding(web, known=web.address.decodes_queries)

    async def studies(self, search: StudySearch, include: Iterable[str], *, afresh: bool = False) -> list[Dataset]:
        """The patient's studies that fulfil `search`, in no order; see `Studies.search`."""
        wanted = search.wanted()
        if "StudyDescription" in wanted:
            include = {*include, "StudyDescription"}
        return await self._studies.search("studies", await self._match(wanted), include=include, afresh=afresh)

    async def below(
        self,
        resource: str,
        keyword: str,
        patient_id: str,
        uids: Iterable[str],
        include: Iterable[str],
        *,
        afresh: bool = False,
    ) -> list[Dataset]:
        """The patient's `series` or `instances` that have one of these UIDs under `keyword`; see `Studies.search`."""
        patient_id = exact("patientID", patient_id)
        match = replace(await self._match({"PatientID": patient_id}), unsaid=frozenset({"PatientID"}))
        found = await self._studies.search(
            resource, match, include={"PatientID", *include}, uids=(keyword, uids), afresh=afresh
        )
        return await self._owners.own(patient_id, found)

    async def tables(
        self, patient_id: str, series: Iterable[str], include: Iterable[str], *, afresh: bool = False
    ) -> list[Table]:
        """The patient's instances of series with these UIDs; see `Studies.tables`."""
        match = await self._match({"PatientID": exact("patientID", patient_id)})
        return await self._studies.tables(match, include, series, afresh=afresh)

    async def metadata(self, patient_id: str, study: str, series: str, instance: str | None) -> list[Dataset]:
        """All attributes but the bulky ones, of one instance or of all in a series of the patient (PS3.18 §10.4)."""
        below = f"/instances/{instance}" if instance else ""
        wanted: dict[str, Wanted] = {
            "PatientID": patient_id,
            "StudyInstanceUID": study,
            "SeriesInstanceUID": series,
        }
        if instance:
            wanted["SOPInstanceUID"] = instance
        match = Match(wanted)
        found = map(Dataset, await self._web.search(f"studies/{study}/series/{series}{below}/metadata"))
        return [dataset for dataset in found if match.accepts(dataset)]

    async def _match(self, wanted: Mapping[str, Wanted]) -> Match:
        """The conditions, as narrow as the PACS can be sent them."""
        match = Match(dict(wanted), self._decoding.is_known)
        return replace(match, decodes=await self._decoding.ask()) if match.is_widened else match
