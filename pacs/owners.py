"""Whose is a study, or a series or an object whose row does not say so? Its study tells.

PatientID belongs to the study (PS3.18 §10.6.3.3): not every PACS gives it with series and instances, even when asked.
"""

from collections import defaultdict

from pacs.attributes import Dataset
from pacs.queries import Match
from pacs.studies import Studies


class Owners:
    """Asks one PACS. Methods raise the errors of `pacs.errors`."""

    def __init__(self, studies: Studies) -> None:
        self._studies = studies

    async def of(self, *studies: str) -> list[Dataset]:
        """The studies with these UIDs, whosever they are: one row for each patient under whom the PACS has one."""
        uids = ("StudyInstanceUID", studies)
        return await self._studies.search("studies", Match({}), include={"PatientID"}, uids=uids)

    async def own(self, patient_id: str, rows: list[Dataset]) -> list[Dataset]:
        """The rows whose study is that patient's and nobody else's; those that name a patient have been checked."""
        silent = {row.text("StudyInstanceUID") or "" for row in rows if "PatientID" not in row} - {""}
        if not silent:
            return [row for row in rows if "PatientID" in row]
        patients: dict[str | None, set[str | None]] = defaultdict(set)
        for study in await self.of(*silent):
            patients[study.text("StudyInstanceUID")].add(study.whole_text("PatientID"))
        return [row for row in rows if "PatientID" in row or patients[row.text("StudyInstanceUID")] == {patient_id}]

    async def is_owner(
        self, patient_id: str, study: str, series: str | None = None, instance: str | None = None
    ) -> bool:
        """Whether what these UIDs name, a study or an instance, is there, is this patient's, and is nobody else's."""
        if instance is None:
            rows = await self.of(study)
        else:
            uids = ("SOPInstanceUID", [instance])
            found = await self._studies.search("instances", Match({}), include={"PatientID"}, uids=uids)
            place = (study, series)
            rows = [row for row in found if (row.text("StudyInstanceUID"), row.text("SeriesInstanceUID")) == place]
        said = [row for row in rows if "PatientID" not in row or row.whole_text("PatientID") == patient_id]
        return bool(rows) and len(await self.own(patient_id, said)) == len(rows)
