"""A modality, for tests: what it reports by MPPS, and the ear that it has for storage commitment."""

import asyncio
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel as PUSH  # type: ignore[attr-defined]  # made at import

from pacs.workitem_mwl import short_id
from tests.pacs.workitem_examples import STUDY


def started(**changes: Any) -> dict[str, Any]:
    """What a modality says when it begins; None leaves an attribute out."""
    values: dict[str, Any] = {
        "ScheduledStepAttributesSequence": [
            {
                "StudyInstanceUID": STUDY,
                "AccessionNumber": "",
                "ScheduledProcedureStepID": short_id(STUDY),
                "RequestedProcedureID": "",
            }
        ],
        "PatientName": "MARIO^ROSSI",
        "PatientID": "SDJ38WMD1MS01",
        "PerformedProcedureStepID": "PPS1",
        "PerformedStationAETitle": "NGV",
        "PerformedStationName": "CT EAST",
        "PerformedProcedureStepStartDate": "20260131",
        "PerformedProcedureStepStartTime": "101500",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "Modality": "CT",
        "PerformedSeriesSequence": [],
    } | changes
    return {keyword: value for keyword, value in values.items() if value is not None}


def ended(status: str = "COMPLETED", **changes: Any) -> dict[str, Any]:
    """What it says at the end."""
    values: dict[str, Any] = {
        "PerformedProcedureStepStatus": status,
        "PerformedProcedureStepEndDate": "20260131",
        "PerformedProcedureStepEndTime": "1030",
        "PerformedSeriesSequence": [
            {
                "SeriesInstanceUID": "1.2.3.1",
                "ProtocolName": "HEAD",
                "RetrieveAETitle": "DICOMGRAPH",
                "ReferencedImageSequence": [
                    {"ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "ReferencedSOPInstanceUID": "1.2.3.1.1"}
                ],
            }
        ],
    } | changes
    return {keyword: value for keyword, value in values.items() if value is not None}


@dataclass(frozen=True)
class Report:
    """What a modality is told."""

    event_type: int
    information: Dataset
    caller: str


@dataclass
class Modality:
    """Listens for reports; `statuses` are its answers, the last one for good."""

    statuses: list[int] = field(default_factory=lambda: [0x0000])
    reports: "queue.Queue[Report]" = field(default_factory=queue.Queue)
    port: int = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        entity = AE("SCANNER")
        entity.add_supported_context(PUSH, scu_role=False, scp_role=True)
        server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._heard)]
        )
        assert server is not None
        self.port = server.server_address[1]
        try:
            yield
        finally:
            server.shutdown()

    def _heard(self, event: Event) -> tuple[int, None]:
        caller = str(event.assoc.requestor.ae_title)
        self.reports.put(Report(event.event_type or 0, event.event_information, caller))
        return (self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]), None

    async def next(self) -> Report:
        return await asyncio.to_thread(self.reports.get, timeout=5)
