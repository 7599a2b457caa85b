"""Whose study it is, for records of requests that named the study alone."""

import asyncio
import time

from cachetools import LRUCache

from pacs.adapter import Pacs
from pacs.errors import PacsError
from persistence.records import AccessRecord

_STUDIES_KEPT = 10_000
_PATIENCE_SECONDS = 5.0
_REST_SECONDS = 10.0
"""After a failure the PACS is left alone: records must not wait for it."""


class Patients:
    """Asks the PACS once for each study; while it fails, records stay without the patient."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._known: LRUCache[str, str] = LRUCache(_STUDIES_KEPT)
        self._resting_until = 0.0

    async def complete(self, record: AccessRecord) -> AccessRecord:
        """The record with its patient, where the study is one patient's; attempts that failed stay as they are."""
        study = record.study_instance_uid
        if record.patient_id is not None or study is None or record.outcome != "ALLOWED":
            return record
        patient_id = self._known.get(study) or await self._ask(study)
        return record.model_copy(update={"patient_id": patient_id})

    async def _ask(self, study: str) -> str | None:
        if time.monotonic() < self._resting_until:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                owners = {owner.whole_text("PatientID") for owner in await self._pacs.owners.of(study)}
        except (PacsError, TimeoutError):
            self._resting_until = time.monotonic() + _REST_SECONDS
            return None
        owner = owners.pop() if len(owners) == 1 else None
        if owner:
            self._known[study] = owner
        return owner
