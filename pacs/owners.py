"""Whose is a series or an object whose row does not say so? Its study tells.

PatientID belongs to the study (PS3.18 §10.6.3.3): not every PACS gives it with series and instances, even when asked.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from pacs.attributes import Dataset

Owners = Callable[[Iterable[str]], Awaitable[list[Dataset]]]
"""The studies with these UIDs, whosever they are."""


async def of_patient(rows: list[Dataset], patient_id: str, owners: Owners) -> list[Dataset]:
    """The rows whose study is that patient's and nobody else's; those that name a patient have been checked before."""
    silent = {row.text("StudyInstanceUID") or "" for row in rows if "PatientID" not in row} - {""}
    if not silent:
        return [row for row in rows if "PatientID" in row]
    patients: dict[str | None, set[str | None]] = defaultdict(set)
    for study in await owners(silent):
        patients[study.text("StudyInstanceUID")].add(study.whole_text("PatientID"))
    return [row for row in rows if "PatientID" in row or patients[row.text("StudyInstanceUID")] == {patient_id}]
