"""The attributes of a workitem, and where each of them stands in a dataset.

The canonical form is the Modality Worklist dataset (MWL, PS3.4 Annex K) in the DICOM JSON Model; a Unified Procedure
Step (UPS, PS3.4 Annex CC) is translated to and from it. `FIELDS` is the one table of both: IHE RAD EBIW Table
4.130.4.1.2-2 where it maps an attribute, PS3.4 Table CC.2.5-3 for the others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pacs.attributes import tag

Values = Mapping[str, list[Any]]
"""Keyword → its values as the DICOM JSON Model writes them; keywords without a value are left out."""


class MWL(Enum):
    """Where an attribute stands in a worklist entry."""

    ROOT = auto()
    STEP = auto()
    """In the item of the Scheduled Procedure Step Sequence (0040,0100)."""


class UPS(Enum):
    """Where an attribute stands in a Unified Procedure Step."""

    ROOT = auto()
    REQUEST = auto()
    """In the item of the Referenced Request Sequence (0040,A370)."""
    ROOT_AND_REQUEST = auto()
    START = auto()
    """Date and time, one after the other, in Scheduled Procedure Step Start DateTime (0040,4005)."""
    LABEL = auto()
    """Procedure Step Label (0074,1204)."""
    STATION = auto()
    """A code of Scheduled Station Name Code Sequence (0040,4025)."""
    STATION_CLASS = auto()
    """A code of Scheduled Station Class Code Sequence (0040,4026)."""
    PERFORMER = auto()
    """Human Performer's Name in Scheduled Human Performers Sequence (0040,4034)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a workitem, and its places."""

    keyword: str
    vr: str
    mwl: MWL
    ups: UPS
    required: bool = False
    """A workitem cannot be made without it."""
    many: bool = False
    """Value multiplicity 1-n."""
    always_shown: bool = True
    """Whether the worklist entry carries it when it is empty, too."""

    @property
    def tag(self) -> str:
        """Its tag as eight hexadecimal digits."""
        return tag(self.keyword)

    @property
    def attribute(self) -> str:
        """Its name in `NewWorkitem`: `PatientID` → `patient_id`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.keyword).lower()


# ScheduledProcedureStepID has no place in a UPS by either source. It goes where Request Attributes Sequence
# (0040,0275) has it, beside RequestedProcedureID: PS3.4 Table CC.2.5-3 admits other attributes in the item of the
# Referenced Request Sequence, and servers keep sequences whole where they drop unknown or private root attributes.
FIELDS = (
    Field("AccessionNumber", "SH", MWL.ROOT, UPS.REQUEST, required=True),
    Field("ReferringPhysicianName", "PN", MWL.ROOT, UPS.REQUEST),
    Field("PatientName", "PN", MWL.ROOT, UPS.ROOT, required=True),
    Field("PatientID", "LO", MWL.ROOT, UPS.ROOT, required=True),
    Field("PatientBirthDate", "DA", MWL.ROOT, UPS.ROOT),
    Field("PatientSex", "CS", MWL.ROOT, UPS.ROOT),
    Field("MedicalAlerts", "LO", MWL.ROOT, UPS.ROOT, many=True),
    Field("PregnancyStatus", "US", MWL.ROOT, UPS.ROOT),
    Field("StudyInstanceUID", "UI", MWL.ROOT, UPS.ROOT_AND_REQUEST, required=True),
    Field("RequestingPhysician", "PN", MWL.ROOT, UPS.REQUEST),
    Field("RequestedProcedureDescription", "LO", MWL.ROOT, UPS.REQUEST),
    Field("AdmissionID", "LO", MWL.ROOT, UPS.ROOT),
    Field("ServiceEpisodeID", "LO", MWL.ROOT, UPS.ROOT, always_shown=False),
    Field("CurrentPatientLocation", "LO", MWL.ROOT, UPS.ROOT),
    Field("PatientState", "LO", MWL.ROOT, UPS.ROOT),
    Field("Modality", "CS", MWL.STEP, UPS.STATION_CLASS, required=True),
    Field("ScheduledStationAETitle", "AE", MWL.STEP, UPS.STATION, required=True, many=True),
    Field("ScheduledProcedureStepStartDate", "DA", MWL.STEP, UPS.START, required=True),
    Field("ScheduledProcedureStepStartTime", "TM", MWL.STEP, UPS.START, required=True),
    Field("ScheduledPerformingPhysicianName", "PN", MWL.STEP, UPS.PERFORMER),
    Field("ScheduledProcedureStepDescription", "LO", MWL.STEP, UPS.LABEL, required=True),
    Field("ScheduledProcedureStepID", "SH", MWL.STEP, UPS.REQUEST),
    Field("ScheduledStationName", "SH", MWL.STEP, UPS.STATION, many=True),
    Field("RequestedProcedureID", "SH", MWL.ROOT, UPS.REQUEST),
    Field("PlacerOrderNumberImagingServiceRequest", "LO", MWL.ROOT, UPS.REQUEST),
    Field("ConfidentialityConstraintOnPatientDataDescription", "LO", MWL.ROOT, UPS.ROOT),
)
